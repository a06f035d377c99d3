//! Passwords and keys at rest: sealed with a key that lies in a file of its own, readable by the server alone. Whoever gets
//! the database without that file learns nothing.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

const KEY_BYTES: usize = 32;

/// Seals and opens texts.
pub struct Seal {
    key: LessSafeKey,
    random: SystemRandom,
}

impl Seal {
    /// The key in this file, 32 bytes, mode 0600, made if there is none.
    pub fn of(path: &Path) -> io::Result<Self> {
        let random = SystemRandom::new();
        if !path.exists() {
            let mut key = [0; KEY_BYTES];
            random.fill(&mut key).map_err(|_| io::Error::other("the system gives no random bytes"))?;
            // Whole or not at all: a half-written key would lock every secret in.
            let half = path.with_extension("new");
            let _ = fs::remove_file(&half);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&half)?;
            file.write_all(&key)?;
            file.sync_all()?;
            fs::rename(&half, path)?;
            fs::File::open(path.parent().unwrap_or(path))?.sync_all()?;
        }
        let key = UnboundKey::new(&CHACHA20_POLY1305, &fs::read(path)?)
            .map_err(|_| io::Error::other(format!("{} does not hold 32 bytes", path.display())))?;
        Ok(Self { key: LessSafeKey::new(key), random })
    }

    /// Seals a text for one use, `about`, and for no other.
    pub fn seal(&self, about: &str, text: &str) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).ok()?;
        let mut bytes = text.as_bytes().to_vec();
        let aad = Aad::from(about.as_bytes());
        self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut bytes).ok()?;
        Some(nonce.iter().chain(&bytes).map(|byte| format!("{byte:02x}")).collect())
    }

    /// Opens what was sealed for the same use; none if the key or the use is another.
    pub fn open(&self, about: &str, sealed: &str) -> Option<String> {
        let digits = sealed.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
        let bytes: Option<Vec<u8>> = digits.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
        let bytes = bytes?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let text = self.key.open_in_place(nonce, Aad::from(about.as_bytes()), &mut sealed).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }
}
