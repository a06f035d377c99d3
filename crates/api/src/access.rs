//! Who may reach the server, as the page and the terminal name it.

/// Names beside the loopback ones by which this server may be called, lower case, without port.
pub type Hosts = Vec<String>;

/// The state of access, named at start and in the header of the page.
#[derive(Clone, Debug)]
pub enum AccessState {
    /// Both listeners on loopback, no password.
    Local {
        /// Configured names.
        hosts: Hosts,
    },
    /// Everyone who can reach it may do everything: for a lab.
    OpenLan,
}

impl AccessState {
    /// The word in the API.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Local { .. } => "local",
            Self::OpenLan => "open_lan",
        }
    }

    /// What it means, for people.
    #[must_use]
    pub fn sentence(&self) -> &'static str {
        match self {
            Self::Local { .. } => "Open to everyone on this computer, to nobody else",
            Self::OpenLan => "Open to everyone on this network, without a password",
        }
    }
}
