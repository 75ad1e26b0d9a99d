/** Fixtures for Vitest: `import { test } from 'sniff-fixtures/vitest'`. */
import type { TestAPI } from 'vitest';
import type { Exchange, Finding, JudgeOptions, ProgramOptions, Replay, ReplayOptions } from './types.js';

/** How tests record and judge. `test.extend`, `test.override` or `provide` in the configuration change it. */
export interface SniffOptions extends ProgramOptions, JudgeOptions {
  /** Folder for recordings of failed tests; empty: they are not kept. Default: `sniff-recordings`. */
  readonly recordings?: string;
}

/** Records what the test's client gets. The test fails on findings when it ends. */
export interface SniffRecord {
  /** Starts a proxy before the server of this URL; the URL to use instead, with the same path. */
  via(url: string): Promise<string>;
  /** The recordings, one for each call of `via`. */
  readonly databases: readonly string[];
  /** Ends the recordings; their exchanges. */
  exchanges(): Promise<Exchange[]>;
  /** Ends the recordings; their findings of all levels, the worst first of each. */
  findings(): Promise<Finding[]>;
}

/** Serves a recording until the test ends. A relative path is looked for beside the test's file, then as it stands. */
export interface SniffReplay {
  (recording: string, options?: ReplayOptions): Promise<Replay>;
  /** Requests that no recording answered, of all replays of the test. They fail it. */
  readonly unmatched: readonly string[];
  /** Set it if the test expects requests that no recording answers. */
  allowUnmatched: boolean;
}

export interface SniffFixtures {
  sniffOptions: SniffOptions;
  sniffRecord: SniffRecord;
  sniffReplay: SniffReplay;
}

/** `test` of Vitest with the fixtures. */
export const test: TestAPI<SniffFixtures>;

/** The same under its other name. */
export const it: TestAPI<SniffFixtures>;

declare module 'vitest' {
  interface ProvidedContext {
    sniffOptions: SniffOptions;
  }
}
