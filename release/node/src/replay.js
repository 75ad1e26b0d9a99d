// Replaying: recorded exchanges, served again.

import { access, copyFile, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { run, Server } from './program.js';

/** @import { Replay, ReplayOptions } from './types.js' */

const MAGIC = 'SQLite format 3\0';
const UNMATCHED = 'sniff: 404: ';

/**
 * @param {string} recording
 * @param {ReplayOptions} [options]
 * @returns {Promise<Replay>}
 */
export async function replay(recording, options = {}) {
  const { exchange, session, match = 'body', speed = 'max', firstDelay, faults = [] } = options;
  const home = await mkdtemp(join(tmpdir(), 'sniff-'));
  const place = { cwd: options.cwd ?? process.cwd(), home };
  try {
    const args = ['replay', '--db', await database(resolve(recording), place), '--listen', '127.0.0.1:0'];
    args.push('--match', match, '--speed', String(speed), ...faults.map((fault) => `--fault=${fault}`));
    if (firstDelay !== undefined) args.push(`--first-delay=${firstDelay}`);
    if (session !== undefined) args.push(`--session=${session}`);
    args.push(...(options.options ?? []));
    if (exchange !== undefined) args.push(String(exchange));
    return new Replaying(await Server.start(args, place, options.timeout ?? 60_000), home);
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

/**
 * A copy of a database, which gets files beside it, or what a capture gives.
 * @param {string} path
 * @param {import('./program.js').Place} place
 */
async function database(path, place) {
  const copy = join(place.home, 'replay.db');
  const file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, 0);
  await file.close();
  if (buffer.toString('latin1', 0, bytesRead) !== MAGIC) {
    await run(['record', '--read', path, '--db', copy, '--quiet'], place);
    return copy;
  }
  await copyFile(path, copy);
  const log = await access(`${path}-wal`).then(() => true, () => false);
  if (log) await copyFile(`${path}-wal`, `${copy}-wal`);
  return copy;
}

/** @implements {Replay} */
class Replaying {
  #server;
  #home;

  /**
   * @param {Server} server
   * @param {string} home
   */
  constructor(server, home) {
    this.#server = server;
    this.#home = home;
    this.url = server.url;
  }

  get unmatched() {
    return this.#server.lines.filter((line) => line.startsWith(UNMATCHED)).map((line) => line.slice(UNMATCHED.length));
  }

  async stop() {
    try {
      await this.#server.stop();
    } finally {
      await rm(this.#home, { recursive: true, force: true });
    }
  }

  [Symbol.asyncDispose]() {
    return this.stop();
  }
}
