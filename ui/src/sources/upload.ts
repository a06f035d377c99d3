/** The table that this tab is sending, so that stopping its import also stops the sending. */
let sending: AbortController | null = null;

/** The signal to send a table with; one table at a time is sent. */
export function beginUpload(): AbortSignal {
  sending = new AbortController();
  return sending.signal;
}

export function endUpload(): void {
  sending = null;
}

/** What is not sent yet is not sent any more. */
export function abortUpload(): void {
  sending?.abort();
}
