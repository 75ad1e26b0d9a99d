// Fixtures for Vitest.

import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test as base } from 'vitest';
import { SniffFindings } from './findings.js';
import { record } from './record.js';
import { replay } from './replay.js';

/** @import { Recording, Replay, ReplayOptions } from './types.js' */
/** @import { SniffFixtures, SniffOptions, SniffRecord, SniffReplay } from './vitest.js' */

/** @implements {SniffRecord} */
class Recorder {
  /** @type {Recording[]} */
  recordings = [];
  #options;
  #folder;

  /**
   * @param {SniffOptions} options
   * @param {string} folder
   */
  constructor(options, folder) {
    this.#options = options;
    this.#folder = folder;
  }

  /** @param {string} url */
  async via(url) {
    const number = this.recordings.length + 1;
    const database = join(this.#folder, number === 1 ? 'recording.db' : `recording-${number}.db`);
    const recording = await record(url, { ...this.#options, database });
    this.recordings.push(recording);
    return recording.url;
  }

  get databases() {
    return this.recordings.map((recording) => recording.database);
  }

  async exchanges() {
    return (await Promise.all(this.recordings.map((recording) => recording.exchanges()))).flat();
  }

  async findings() {
    return (await Promise.all(this.recordings.map((recording) => recording.findings()))).flat();
  }
}

/**
 * The name of a test for a file.
 * @param {import('vitest').RunnerTask | undefined} task
 * @returns {string}
 */
function name(task) {
  const names = [];
  for (let one = task; one !== undefined; one = one.suite) names.unshift(one.name);
  return `${task?.file?.name ?? ''}-${names.join('-')}`.replace(/[^\w.-]+/g, '-').slice(-120);
}

/**
 * Judges the recordings of a test; those of one that has failed, or does now, are kept.
 * @param {Recorder} recorder
 * @param {SniffOptions} options
 * @param {Readonly<import('vitest').RunnerTestCase>} task
 */
async function judge({ recordings }, { recordings: folder = 'sniff-recordings' }, task) {
  let failed = (task.result?.errors ?? []).length > 0;
  const failures = [];
  for (const [n, recording] of recordings.entries()) {
    const kept = folder ? resolve(folder, `${name(task)}${n ? `-${n + 1}` : ''}.db`) : recording.database;
    try {
      await recording.check(kept);
    } catch (error) {
      failed = true;
      failures.push(error);
    }
    if (failed && folder) {
      await mkdir(dirname(kept), { recursive: true });
      await copyFile(recording.database, kept);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** @typedef {import('vitest').TestContext & { sniffOptions: SniffOptions }} Context */

/**
 * @template T
 * @typedef {(fixture: T) => Promise<void>} Use
 */

const fixtures = {
  sniffOptions: [/** @type {SniffOptions} */ ({}), { injected: true }],

  sniffRecord: async (/** @type {Context} */ { sniffOptions, task }, /** @type {Use<SniffRecord>} */ use) => {
    const folder = await mkdtemp(join(tmpdir(), 'sniff-'));
    const recorder = new Recorder(sniffOptions, folder);
    try {
      await use(recorder);
      await judge(recorder, sniffOptions, task);
    } finally {
      await Promise.allSettled(recorder.recordings.map((recording) => recording.stop()));
      await rm(folder, { recursive: true, force: true });
    }
  },

  sniffReplay: async (/** @type {Context} */ { sniffOptions, task }, /** @type {Use<SniffReplay>} */ use) => {
    /** @type {Replay[]} */
    const started = [];
    const start = async (/** @type {string} */ recording, /** @type {ReplayOptions} */ options = {}) => {
      const beside = resolve(dirname(task.file.filepath), recording);
      const replaying = await replay(existsSync(beside) ? beside : recording, { ...sniffOptions, ...options });
      started.push(replaying);
      return replaying;
    };
    const unmatched = () => started.flatMap((replaying) => replaying.unmatched);
    const fixture = Object.assign(start, { allowUnmatched: false, unmatched: /** @type {readonly string[]} */ ([]) });
    Object.defineProperty(fixture, 'unmatched', { get: unmatched });
    try {
      await use(fixture);
    } finally {
      const stopped = await Promise.allSettled(started.map((replaying) => replaying.stop()));
      const failed = stopped.find((one) => one.status === 'rejected');
      if (failed) throw failed.reason;
    }
    if (unmatched().length > 0 && !fixture.allowUnmatched) {
      const lines = unmatched().map((line) => `  ${line}`);
      throw new SniffFindings(`sniff: no recording answers these requests (404):\n${lines.join('\n')}`);
    }
  },
};

// The types of `extend` do not follow a fixture that others use.
const extended = /** @type {unknown} */ (base.extend(/** @type {any} */ (fixtures)));

export const test = /** @type {import('vitest').TestAPI<SniffFixtures>} */ (extended);

export const it = test;
