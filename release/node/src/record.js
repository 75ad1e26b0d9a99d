// Recording: a proxy before a server.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { failing, read, report, SniffFindings } from './findings.js';
import { json, Server } from './program.js';

/** @import { Exchange, Finding, Recording, RecordOptions } from './types.js' */

/**
 * @param {string} url
 * @param {RecordOptions} [options]
 * @returns {Promise<Recording>}
 */
export async function record(url, options = {}) {
  const upstream = parse(url);
  const database = resolve(options.database ?? join(await mkdtemp(join(tmpdir(), 'sniff-')), 'recording.db'));
  const place = { cwd: options.cwd ?? process.cwd(), home: dirname(database) };
  const args = ['proxy', '--listen', '127.0.0.1:0', '--upstream', upstream.origin, '--db', database];
  const server = await Server.start(args, place, options.timeout ?? 60_000);
  return new ProxyRecording(server, upstream, database, place, options);
}

/** @param {string} url */
function parse(url) {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !['http:', 'https:'].includes(parsed.protocol)) {
    throw new TypeError(`${JSON.stringify(url)} is not the URL of a server (http://… or https://…)`);
  }
  return parsed;
}

/** @implements {Recording} */
class ProxyRecording {
  #server;
  #upstream;
  #place;
  #failOn;
  #allow;
  /** @type {Promise<Exchange[]> | undefined} */
  #exchanges;
  /** @type {Promise<Finding[]> | undefined} */
  #findings;

  /**
   * @param {Server} server
   * @param {URL} upstream
   * @param {string} database
   * @param {import('./program.js').Place} place
   * @param {RecordOptions} options
   */
  constructor(server, upstream, database, place, { failOn = 'error', allow = [] }) {
    this.#server = server;
    this.#upstream = upstream;
    this.#place = place;
    this.#failOn = failOn;
    this.#allow = allow;
    this.database = database;
    const path = upstream.pathname === '/' ? '' : upstream.pathname;
    this.url = server.url + path + upstream.search;
  }

  stop() {
    return this.#server.stop();
  }

  exchanges() {
    this.#exchanges ??= this.stop().then(() => json(['list', '--db', this.database], this.#place));
    return this.#exchanges;
  }

  findings() {
    this.#findings ??= this.#judge();
    return this.#findings;
  }

  async #judge() {
    // `check` refuses a database in which nothing was recorded.
    if ((await this.exchanges()).length === 0) return [];
    const allowed = this.#allow.map((rule) => `--allow=${rule}`);
    return read(await json(['check', this.database, '--fail-on', 'never', ...allowed], this.#place));
  }

  /** @param {string} [kept] */
  async check(kept) {
    const found = failing(await this.findings(), this.#failOn);
    if (found.length > 0) throw new SniffFindings(report(found, kept ?? this.database), found);
    // An empty recording would look like a clean one.
    if (this.#failOn !== 'never' && (await this.exchanges()).length === 0) {
      throw new SniffFindings(
        `sniff: nothing was recorded of ${this.#upstream.origin}: no request came to ${this.url}. ` +
          'Does the client use the URL of the recording?',
      );
    }
  }

  [Symbol.asyncDispose]() {
    return this.stop();
  }
}
