//! Senders that are ignored: those whose device was deleted, those that a person never wanted, and how they are heard again.

use model::{DeviceKey, Timestamp};
use store::{CatalogError, Expected, Version};

use crate::Ingest;
use crate::devices::{DeviceError, to_its_end};
use crate::document::{IGNORED_KIND, IgnoredDocument};
use crate::documents;
use crate::removal::RESTORABLE_MS;
use crate::view::DeviceView;

/// Senders that are ignored at the same time. One more, and a further deletion, is refused as `too_many_ignored`.
pub const IGNORED_MAX: usize = 10_000;

/// So often a document is written or removed that another server changes meanwhile. Then the change fails.
const TURNS_MAX: usize = 5;

/// A sender whose messages are rejected as `ignored`.
#[derive(Clone, Debug)]
pub struct IgnoredSender {
    /// Its device's key.
    pub key: DeviceKey,
    /// When its device was deleted, or it was ignored without one.
    pub since: Timestamp,
    /// Until when its device can be restored; none if it has none, or it is gone for good.
    pub restorable_until: Option<Timestamp>,
    /// The device, while it can be restored.
    pub device: Option<DeviceView>,
}

impl Ingest {
    /// Rejects the messages of a sender from the next one on. A device that appeared by itself goes with it and can be restored
    /// for seven days. Nothing changes for a sender that is ignored already.
    ///
    /// # Errors
    /// [`DeviceError::Accepted`] for a device that is more than a guess, a limit, or nothing can be stored.
    pub async fn ignore_sender(&self, key: DeviceKey) -> Result<IgnoredSender, DeviceError> {
        let this = self.clone();
        to_its_end(async move {
            let _turn = this.changes.lock().await;
            this.ignore(&key).await?;
            let found = this.ignored().await?.into_iter().find(|sender| sender.key == key);
            found.ok_or_else(|| DeviceError::NotIgnored(key.as_str().to_owned()))
        })
        .await
    }

    async fn ignore(&self, key: &DeviceKey) -> Result<(), DeviceError> {
        if self.ignores(key.as_str()) {
            return Ok(());
        }
        if let Some(device) = self.device(key.as_str()) {
            if device.document.accepted {
                return Err(DeviceError::Accepted(key.clone()));
            }
            return self.delete(key.as_str(), None, false).await;
        }
        self.check_ignored()?;
        let since = self.shared.not_before_messages(self.clock.now()).millis();
        let ignored = IgnoredDocument { since, ..IgnoredDocument::default() };
        self.keep_ignored(key.as_str(), &ignored).await?;
        self.shared.bindings.ignore(key, true);
        Ok(())
    }

    /// Hears a sender again from the next message on, and restores its device while that is possible. What was bound to a device
    /// that is gone for good is bound to none any more.
    ///
    /// # Errors
    /// [`DeviceError::NotIgnored`], or nothing can be stored.
    pub async fn hear_again(&self, key: &str) -> Result<(), DeviceError> {
        let (this, key) = (self.clone(), key.to_owned());
        to_its_end(async move {
            let _turn = this.changes.lock().await;
            if this.deleted_device(&key).is_some() {
                return this.restore(&key).await.map(drop);
            }
            let not_ignored = || DeviceError::NotIgnored(key.clone());
            let sender = DeviceKey::parse(&key).ok().filter(|_| this.ignores(&key)).ok_or_else(not_ignored)?;
            this.forget_ignored(&key).await?;
            this.shared.bindings.unbind(&sender);
            this.shared.bindings.ignore(&sender, false);
            Ok(())
        })
        .await
    }

    /// Whether one more can be ignored.
    pub(crate) fn check_ignored(&self) -> Result<(), DeviceError> {
        if self.shared.bindings.current().ignored_count() < IGNORED_MAX {
            return Ok(());
        }
        let detail = format!("{IGNORED_MAX} senders are ignored already: accept or restore some of them first");
        Err(DeviceError::Limit { code: "too_many_ignored", detail })
    }

    /// Whether messages of this sender are ignored.
    #[must_use]
    pub fn ignores(&self, key: &str) -> bool {
        self.shared.bindings.current().ignores(key)
    }

    /// Everyone who is ignored.
    ///
    /// # Errors
    /// The catalogue failed.
    pub async fn ignored(&self) -> Result<Vec<IgnoredSender>, DeviceError> {
        let deleted = self.shared.registry.deleted(self.clock.now());
        let mut senders: Vec<IgnoredSender> = deleted
            .into_iter()
            .map(|device| {
                let since = Timestamp::saturating(device.document.deleted_at.unwrap_or_default());
                let key = device.record.key.clone();
                IgnoredSender { key, since, restorable_until: Some(since.plus(RESTORABLE_MS)), device: Some(device) }
            })
            .collect();
        let gone = documents::all::<IgnoredDocument>(self.catalog.as_ref(), IGNORED_KIND).await;
        for (id, _, document) in gone.map_err(DeviceError::Catalog)? {
            let Ok(key) = DeviceKey::parse(&id) else { continue };
            if self.ignores(&id) && senders.iter().all(|sender| sender.key != key) {
                let since = Timestamp::saturating(document.since);
                senders.push(IgnoredSender { key, since, restorable_until: None, device: None });
            }
        }
        Ok(senders)
    }

    /// Keeps a sender ignored, whoever else does so at the same time.
    pub(crate) async fn keep_ignored(&self, key: &str, ignored: &IgnoredDocument) -> Result<(), DeviceError> {
        let body = serde_json::to_string(ignored).map_err(|_| DeviceError::NotStored)?;
        for turn in 1.. {
            let before = self.ignored_document(key).await?;
            let expected = before.map_or(Expected::Absent, |(_, version)| Expected::Version(version));
            match self.catalog.put(IGNORED_KIND, key, expected, &body, &[]).await {
                Err(CatalogError::Conflict { .. }) if turn < TURNS_MAX => {}
                kept => return kept.map(drop).map_err(DeviceError::Catalog),
            }
        }
        Err(DeviceError::NotStored)
    }

    /// Keeps a sender ignored no longer, whoever else does so at the same time.
    pub(crate) async fn forget_ignored(&self, key: &str) -> Result<(), DeviceError> {
        for turn in 1.. {
            let Some((_, version)) = self.ignored_document(key).await? else { return Ok(()) };
            match self.catalog.remove(IGNORED_KIND, key, version).await {
                Err(CatalogError::Conflict { .. }) if turn < TURNS_MAX => {}
                gone => return gone.map_err(DeviceError::Catalog),
            }
        }
        Err(DeviceError::NotStored)
    }

    pub(crate) async fn ignored_document(&self, key: &str) -> Result<Option<(IgnoredDocument, Version)>, DeviceError> {
        let document = self.catalog.get(IGNORED_KIND, key).await.map_err(DeviceError::Catalog)?;
        Ok(document.map(|found| (serde_json::from_str(&found.body).unwrap_or_default(), found.version)))
    }
}
