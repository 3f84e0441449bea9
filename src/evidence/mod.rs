//! What the data plane sets aside: quarantined records, sealed to the operator.
