//! Power cuts: a kernel in user space (Debian's `user-mode-linux`), a file system on a device that loses what was not
//! synced (dm-flakey), the server under load on it, and the ledger outside of it (`tests/powercut`).
//!
//! After every cut the ledger must find all that was acknowledged. The same run with syncs that do nothing (libeatmydata)
//! must find losses: a disk that loses nothing proves nothing.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::commands;

/// The disk of the server, a file with holes.
const DISK_BYTES: u64 = 2 << 30;
const BOOT_LIMIT: Duration = Duration::from_secs(120);
const ROUND_LIMIT: Duration = Duration::from_secs(30);
/// Without a sync the first cut loses nearly everything.
const CONTROL_ROUNDS: u32 = 2;
const EATMYDATA: &str = "/usr/lib/x86_64-linux-gnu/libeatmydata.so";

/// Cuts the power `rounds` times, then shows that the cuts are real. `seed` reproduces what is sent.
pub fn cut(root: &Path, rounds: u32, seed: u64) -> Result<()> {
    let kit = Kit::at(root)?;
    let proof = kit.boot(rounds, seed, "")?;
    if proof != Some(0) {
        bail!("power cuts with seed {seed}: the ledger says {proof:?}, see above");
    }
    if !Path::new(EATMYDATA).is_file() {
        bail!("the negative control needs {EATMYDATA}; as root: apt-get install -y eatmydata");
    }
    println!("The same without syncs, which must lose something:");
    match kit.boot(CONTROL_ROUNDS, seed, EATMYDATA)? {
        Some(1) => println!("{rounds} power cuts lost nothing; without syncs they do (seed {seed})."),
        other => bail!("without syncs the ledger should find losses, but it says {other:?}: the cuts prove nothing"),
    }
    Ok(())
}

struct Kit {
    root: PathBuf,
    programs: PathBuf,
    disk: PathBuf,
    /// What lets the kernel run on processors that are newer than itself (`tests/powercut/wide_registers.c`).
    wide_registers: PathBuf,
}

impl Kit {
    fn at(root: &Path) -> Result<Self> {
        let target = commands::target_folder(root)?;
        let folder = target.join("powercut");
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let disk = folder.join(format!("disk-{}", std::process::id()));
        let wide_registers = folder.join("wide_registers.so");
        let source = root.join("tests/powercut/wide_registers.c");
        let compile =
            format!("cc -O1 -Wall -Werror -shared -fPIC -o {} {}", wide_registers.display(), source.display());
        commands::run(root, &compile)?;
        Ok(Self { root: root.to_owned(), programs: target.join("release"), disk, wide_registers })
    }

    /// The verdict of the ledger as an exit code; none if there was none.
    fn boot(&self, rounds: u32, seed: u64, preload: &str) -> Result<Option<i32>> {
        File::create(&self.disk)?.set_len(DISK_BYTES)?;
        let disk = self.disk.display();
        commands::run(&self.root, &format!("/sbin/mkfs.ext4 -q -F {disk}"))?;
        let kit = self.root.join("tests/powercut");
        let line = format!(
            "linux.uml mem=768M root=/dev/root rootfstype=hostfs rootflags=/ ro init={}/init.sh ubd0={disk} con=null \
             con0=null,fd:1 quiet kit={} programs={} rounds={rounds} seed={seed} preload={preload}",
            kit.display(),
            kit.display(),
            self.programs.display(),
        );
        let mut command = commands::command(&self.root, &line);
        // Its memory is a file there, of which pages must be executable.
        command.env("TMPDIR", "/dev/shm").env("LD_PRELOAD", &self.wide_registers);
        let mut verdict = None;
        let followed = commands::follow(command, BOOT_LIMIT + ROUND_LIMIT * rounds, |line| {
            if let Some(code) = line.trim().strip_prefix("POWERCUT ENDED ") {
                verdict = code.split(' ').next().and_then(|code| code.parse().ok());
            }
        });
        fs::remove_file(&self.disk)?;
        followed?;
        Ok(verdict)
    }
}
