//! A directory in memory that behaves as badly as a real one may, by seed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{File, Files};

/// Bytes that reach the medium together or not at all.
const SECTOR: usize = 512;

/// Files that lose what was not synced when [`SimFiles::crash`] is called. Clones share one directory.
#[derive(Clone, Debug)]
pub struct SimFiles {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug, Default)]
struct Disk {
    random: u64,
    /// Every name that exists now.
    names: BTreeMap<String, u64>,
    /// Names as of the last directory sync.
    durable_names: BTreeMap<String, u64>,
    files: BTreeMap<u64, Content>,
    next_file: u64,
    /// Calls that change something, since the start.
    calls: u64,
    /// Calls that fail, by number, with this kind.
    failing: BTreeMap<u64, io::ErrorKind>,
    /// Calls that change nothing, since the start.
    looks: u64,
    /// The same for those.
    failing_looks: BTreeMap<u64, io::ErrorKind>,
    /// Whether syncs do nothing and say that they did.
    lying: bool,
    /// Bytes that files may take in all.
    capacity: Option<usize>,
    /// Handles of an older life are dead.
    life: u64,
}

#[derive(Debug, Default)]
struct Content {
    /// What readers see.
    cache: Vec<u8>,
    /// What is on the medium.
    medium: Vec<u8>,
    /// Sectors changed since the last sync.
    dirty: BTreeSet<usize>,
}

impl SimFiles {
    /// An empty directory; everything left to chance follows from `seed`.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        Self { disk: Arc::new(Mutex::new(Disk { random, ..Disk::default() })) }
    }

    /// The power goes: each sector that was not synced is kept or lost by chance, names likewise. Open handles die.
    pub fn crash(&self) {
        let mut disk = self.disk();
        disk.life += 1;
        let mut names = std::mem::take(&mut disk.names);
        let durable = std::mem::take(&mut disk.durable_names);
        let all: BTreeSet<String> = names.keys().chain(durable.keys()).cloned().collect();
        for name in all {
            if names.get(&name) != durable.get(&name) && disk.chance(2) {
                match durable.get(&name) {
                    Some(file) => names.insert(name, *file),
                    None => names.remove(&name),
                };
            }
        }
        disk.durable_names = names.clone();
        disk.names = names;
        let mut files = std::mem::take(&mut disk.files);
        for content in files.values_mut() {
            for sector in std::mem::take(&mut content.dirty) {
                if disk.chance(2) {
                    content.write_back(sector);
                }
            }
            content.cache.clone_from(&content.medium);
        }
        disk.files = files;
        disk.failing.clear();
        disk.failing_looks.clear();
    }

    /// The directory as the process that lives now sees it: after a crash or a kill every call fails, since the dead change
    /// nothing.
    #[must_use]
    pub fn of_this_life(&self) -> impl Files + use<> {
        Living { files: self.clone(), life: self.disk().life }
    }

    /// The process dies and the machine lives: everything written stays, open handles die.
    pub fn kill(&self) {
        self.disk().life += 1;
    }

    /// Calls that changed something so far: create, write, sync, remove, directory sync.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.disk().calls
    }

    /// The call that is `ahead` calls away (1 = the next one) fails with `kind`. A failed sync loses what it should have
    /// made durable for good, as Linux does.
    pub fn fail_call(&self, ahead: u64, kind: io::ErrorKind) {
        let mut disk = self.disk();
        let call = disk.calls + ahead;
        disk.failing.insert(call, kind);
    }

    /// Calls that changed nothing so far: open, list, read, length.
    #[must_use]
    pub fn looks(&self) -> u64 {
        self.disk().looks
    }

    /// As [`SimFiles::fail_call`], for calls that change nothing.
    pub fn fail_look(&self, ahead: u64, kind: io::ErrorKind) {
        let mut disk = self.disk();
        let look = disk.looks + ahead;
        disk.failing_looks.insert(look, kind);
    }

    /// From now on syncs do nothing and say that they did, as with a disk that lies or under libeatmydata: the negative control of
    /// every test that crashes.
    pub fn stub_syncs(&self) {
        self.disk().lying = true;
    }

    /// From now on all files together may take `bytes`; none lifts the limit.
    pub fn set_capacity(&self, bytes: Option<usize>) {
        self.disk().capacity = bytes;
    }

    /// Changes the content of a file as rot does, on the medium and in the cache.
    pub fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut disk = self.disk();
        if let Some(file) = disk.names.get(name).copied()
            && let Some(content) = disk.files.get_mut(&file)
        {
            change(&mut content.cache);
            content.medium.clone_from(&content.cache);
            content.dirty.clear();
        }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    /// True one time in `of`.
    fn chance(&mut self, of: u64) -> bool {
        self.next().is_multiple_of(of)
    }

    /// A number below `len`, or 0.
    fn below(&mut self, len: usize) -> usize {
        usize::try_from(self.next() % (len as u64).max(1)).unwrap_or(0)
    }

    /// Xorshift.
    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        self.failing.remove(&self.calls).map_or(Ok(()), |kind| Err(io::Error::from(kind)))
    }

    fn look(&mut self) -> io::Result<()> {
        self.looks += 1;
        self.failing_looks.remove(&self.looks).map_or(Ok(()), |kind| Err(io::Error::from(kind)))
    }

    fn used(&self) -> usize {
        self.names.values().filter_map(|file| self.files.get(file)).map(|content| content.cache.len()).sum()
    }

    fn content(&mut self, life: u64, file: u64) -> io::Result<&mut Content> {
        if life != self.life {
            return Err(gone());
        }
        self.files.get_mut(&file).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

impl Content {
    fn write_back(&mut self, sector: usize) {
        let from = sector * SECTOR;
        let to = (from + SECTOR).min(self.cache.len());
        if self.medium.len() < to {
            self.medium.resize(to, 0);
        }
        if let (Some(medium), Some(cache)) = (self.medium.get_mut(from..to), self.cache.get(from..to)) {
            medium.copy_from_slice(cache);
        }
    }
}

impl Files for SimFiles {
    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut disk = self.disk();
        disk.call()?;
        if disk.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = disk.next_file;
        disk.next_file += 1;
        disk.names.insert(name.to_owned(), file);
        disk.files.insert(file, Content::default());
        Ok(Box::new(SimFile { disk: Arc::clone(&self.disk), file, life: disk.life }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut disk = self.disk();
        disk.look()?;
        let file = *disk.names.get(name).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Box::new(SimFile { disk: Arc::clone(&self.disk), file, life: disk.life }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut disk = self.disk();
        disk.look()?;
        Ok(disk.names.keys().cloned().collect())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut disk = self.disk();
        disk.call()?;
        disk.names.remove(name).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut disk = self.disk();
        disk.call()?;
        if !disk.lying {
            disk.durable_names = disk.names.clone();
        }
        Ok(())
    }
}

struct Living {
    files: SimFiles,
    life: u64,
}

impl Living {
    fn files(&self) -> io::Result<&SimFiles> {
        if self.files.disk().life == self.life { Ok(&self.files) } else { Err(gone()) }
    }
}

impl Files for Living {
    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        self.files()?.create(name)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        self.files()?.open(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.files()?.list()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files()?.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.files()?.sync_dir()
    }
}

fn gone() -> io::Error {
    io::Error::other("the process that opened this file is gone")
}

struct SimFile {
    disk: Arc<Mutex<Disk>>,
    file: u64,
    life: u64,
}

impl SimFile {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl File for SimFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk();
        let called = disk.call();
        // A write that fails may have written a part, as a short write that cannot be completed does.
        let bytes = match called {
            Ok(()) => bytes,
            Err(_) => bytes.get(..disk.below(bytes.len())).unwrap_or_default(),
        };
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let to = from + bytes.len();
        let (used, capacity) = (disk.used(), disk.capacity);
        let content = disk.content(self.life, self.file)?;
        let growth = to.saturating_sub(content.cache.len());
        if growth > 0 && capacity.is_some_and(|capacity| used + growth > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if content.cache.len() < to {
            content.cache.resize(to, 0);
        }
        if let Some(target) = content.cache.get_mut(from..to) {
            target.copy_from_slice(bytes);
        }
        content.dirty.extend(from / SECTOR..to.div_ceil(SECTOR));
        called
    }

    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut disk = self.disk();
        disk.look()?;
        let cache = &disk.content(self.life, self.file)?.cache;
        let from = usize::try_from(offset).map_err(io::Error::other)?.min(cache.len());
        let to = from.saturating_add(len).min(cache.len());
        Ok(cache.get(from..to).unwrap_or_default().to_vec())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let mut disk = self.disk();
        let called = disk.call();
        if disk.lying {
            return called;
        }
        let content = disk.content(self.life, self.file)?;
        let dirty = std::mem::take(&mut content.dirty);
        called?;
        for sector in dirty {
            content.write_back(sector);
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        let mut disk = self.disk();
        disk.look()?;
        Ok(disk.content(self.life, self.file)?.cache.len() as u64)
    }
}
