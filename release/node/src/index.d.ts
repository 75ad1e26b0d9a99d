/** Record and judge streamed HTTP answers in tests, and replay recordings. `./vitest` has fixtures. */
import type { Finding, Recording, RecordOptions, Replay, ReplayOptions } from './types.js';

export type * from './types.js';

/**
 * Starts a proxy before the server of this URL (`http://` or `https://`), on a port of its own.
 *
 * `const recording = await record('http://127.0.0.1:9000/v1')`, then give `recording.url` to the client, and
 * `await recording.check()` at the end.
 */
export function record(url: string, options?: RecordOptions): Promise<Recording>;

/** Serves a recording: a database of `sniff`, or a capture (pcap, pcapng, `.wire`). The file itself is not touched. */
export function replay(recording: string, options?: ReplayOptions): Promise<Replay>;

/** The text of a finding, like a compiler's message: what, where, the bytes, what to do. */
export function text(finding: Finding): string;

/** The program is missing, did not start, or failed. */
export class SniffError extends Error {}

/** A recording has findings at or over the level that fails, or nothing was recorded. */
export class SniffFindings extends Error {
  /** Those that fail. */
  readonly findings: readonly Finding[];
  constructor(message: string, findings?: readonly Finding[]);
}
