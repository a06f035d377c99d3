//! What the log asks of a directory.

use std::io;

/// One flat directory of files.
pub trait Files: Send + Sync + 'static {
    /// Makes a new, empty file. Its name is durable after [`Files::sync_dir`].
    ///
    /// # Errors
    /// It exists, or the medium refuses.
    fn create(&self, name: &str) -> io::Result<Box<dyn File>>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// It does not exist, or the medium refuses.
    fn open(&self, name: &str) -> io::Result<Box<dyn File>>;

    /// Names in no particular order.
    ///
    /// # Errors
    /// The medium refuses.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Takes a file away.
    ///
    /// # Errors
    /// It does not exist, or the medium refuses.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes the names that were created and removed durable.
    ///
    /// # Errors
    /// The medium refuses.
    fn sync_dir(&self) -> io::Result<()>;
}

/// An open file.
pub trait File: Send {
    /// Writes all of `bytes` at `offset`, growing the file where needed. Durable after [`File::sync_data`].
    ///
    /// # Errors
    /// Some or none of it was written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Everything from `offset` on, `len` bytes at most.
    ///
    /// # Errors
    /// The medium refuses.
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>>;

    /// Makes what was written durable, with the length needed to read it.
    ///
    /// # Errors
    /// Nothing may be assumed of what was written since the last sync, now or after another call.
    fn sync_data(&mut self) -> io::Result<()>;

    /// Length in bytes.
    ///
    /// # Errors
    /// The medium refuses.
    fn len(&self) -> io::Result<u64>;

    /// Whether there is no byte in it.
    ///
    /// # Errors
    /// The medium refuses.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}
