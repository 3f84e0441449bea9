//! The control plane: reload, the admin server, signals of the operating system.
