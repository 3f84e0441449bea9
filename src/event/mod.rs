//! The vocabulary of events: records, paths, places in the world, ids, and JSON text that was checked.

mod ids;
pub mod json;
mod path;
pub mod phone;
mod places;
mod record;
mod region;

pub use ids::{PathId, PurposeId, PurposeSet, RuleId, SinkId, SlotId, StreamId, SubjectDigest, VendorId};
pub use jiff::Timestamp;
pub use path::{Path, PathError, Segment, Selector};
pub use places::{Hit, Inner, InnerDocument, Mark, NO_MARK, Places, RECORD, Sifted, SiftedArray, Target};
pub use record::{Capture, Header, Position, Record};
pub use region::{Country, CountrySet, Jurisdiction, RegionSet, Subdivision};
