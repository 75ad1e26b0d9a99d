// Finding, running and ending the program.

import { execFile, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

/** Milliseconds after which a process that was asked to end is killed. */
const END = 10_000;

/** Milliseconds for a command that reads a recording. */
const COMMAND = 60_000;

export class SniffError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = 'SniffError';
  }
}

/** @type {Map<string, Promise<string>>} */
const checked = new Map();

/**
 * The program: of `$SNIFF`, else of `node_modules/.bin`, else of `$PATH`.
 * @returns {Promise<string>}
 */
export async function find() {
  const path = process.env.SNIFF || beside();
  if (path === undefined) {
    throw new SniffError(
      'the program sniff was not found: install it, put it on PATH, or name it in the environment variable SNIFF',
    );
  }
  let done = checked.get(path);
  if (done === undefined) {
    done = check(path);
    checked.set(path, done);
  }
  return done;
}

function beside() {
  const folders = [join('node_modules', '.bin'), ...(process.env.PATH ?? '').split(delimiter)];
  return folders.filter(Boolean).map((folder) => resolve(folder, 'sniff')).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Other programs have this name too: one that does not state its version as ours is refused.
 * @param {string} path
 * @returns {Promise<string>}
 */
async function check(path) {
  const { error, stdout } = await execute(path, ['--version'], { timeout: COMMAND });
  if (error && typeof error.code === 'string') {
    throw new SniffError(`${path} cannot be run: ${error.message}`);
  }
  if (!/^sniff \d+\.\d+\.\d+\S*$/.test(stdout.trim())) {
    throw new SniffError(
      `${path} is another program of that name: its --version does not say \`sniff X.Y.Z\`; ` +
        'name the right one in the environment variable SNIFF',
    );
  }
  return path;
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {import('node:child_process').ExecFileOptions} options
 * @returns {Promise<{ error: import('node:child_process').ExecFileException | null, stdout: string, stderr: string }>}
 */
function execute(program, args, options) {
  const limits = { maxBuffer: 1 << 30, encoding: /** @type {const} */ ('utf8'), ...options };
  return new Promise((done) => {
    execFile(program, args, limits, (error, stdout, stderr) => {
      done({ error, stdout: String(stdout), stderr: String(stderr) });
    });
  });
}

/**
 * The environment of the program; its certificate authority is kept below this folder.
 * @param {string} home
 */
function environment(home) {
  const { SNIFF_DB: _, ...kept } = process.env;
  return { ...kept, XDG_DATA_HOME: resolve(home) };
}

/**
 * @typedef {object} Place
 * @property {string} cwd where `sniff.toml` is looked for
 * @property {string} home a folder of its own
 */

/**
 * Runs a command to its end; its standard output.
 * @param {string[]} args
 * @param {Place} place
 */
export async function run(args, { cwd, home }) {
  const program = await find();
  const { error, stdout, stderr } = await execute(program, args, { timeout: COMMAND, cwd, env: environment(home) });
  if (error?.killed) {
    throw new SniffError(`sniff ${args[0]} took longer than ${COMMAND / 1000} s`);
  }
  if (error) {
    throw new SniffError(`sniff ${args.join(' ')} failed:\n${stderr.trim()}`);
  }
  return stdout;
}

/**
 * Runs a command to its end; the JSON that it prints.
 * @param {string[]} args
 * @param {Place} place
 */
export async function json(args, place) {
  return JSON.parse(await run([...args, '--format', 'json'], place));
}

/** Servers that end with this process, however it ends in order. */
const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill()));

/** The program as a server on a port of its own, from its readiness line to its end. */
export class Server {
  /** What it has printed for people so far. @type {string[]} */
  lines = [];
  url = '';
  /** @type {Promise<void> | undefined} */
  #stopped;
  /** @type {import('node:child_process').ChildProcess} */
  #child;
  /** The code with which it ended. @type {Promise<number | string>} */
  #ended;
  #isRunning = true;

  /**
   * Starts it and waits for the line that has its address.
   * @param {string[]} args
   * @param {Place} place
   * @param {number} timeout
   */
  static async start(args, place, timeout) {
    const server = new Server(await find(), args, place);
    await server.#ready(String(args[0]), timeout);
    return server;
  }

  /**
   * @param {string} program
   * @param {string[]} args
   * @param {Place} place
   */
  constructor(program, args, { cwd, home }) {
    this.#child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd, env: environment(home) });
    running.add(this.#child);
    this.#ended = new Promise((done) => {
      this.#child.once('error', (error) => done(error.message));
      this.#child.once('close', (code, signal) => done(code ?? String(signal)));
    });
    this.#ended.then(() => {
      this.#isRunning = false;
      running.delete(this.#child);
    });
  }

  /**
   * @param {string} name
   * @param {number} timeout
   */
  async #ready(name, timeout) {
    /** @type {(url: string) => void} */
    let found = () => {};
    const ready = new Promise((/** @type {(url: string) => void} */ done) => (found = done));
    if (this.#child.stderr) {
      // Read to the end, so that the program never waits for a full pipe.
      createInterface({ input: this.#child.stderr }).on('line', (line) => {
        this.lines.push(line);
        // The proxy names its upstream first: the address that it listens on is the last one.
        const url = /^sniff: .* on (http:\/\/\S+?)(?:;| \(|$)/.exec(line)?.[1];
        if (url !== undefined) found(url);
      });
    }
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const late = new Promise((/** @type {(late: null) => void} */ done) => (timer = setTimeout(done, timeout, null)));
    const url = await Promise.race([ready, late, this.#ended.then(() => undefined)]);
    clearTimeout(timer);
    if (typeof url === 'string') {
      this.url = url;
      return;
    }
    this.#child.kill('SIGKILL');
    const what = url === null ? `was not ready within ${timeout / 1000} s` : 'did not start';
    throw new SniffError(`sniff ${name} ${what}${this.#said()}`);
  }

  #said() {
    const lines = this.lines.slice(-20).join('\n');
    return lines ? `:\n${lines}` : ', and said nothing';
  }

  /**
   * Ends it as its user does, so that what it has is kept. An end before this one, or an exit code other than 0, is an
   * error.
   */
  stop() {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop() {
    const endedBefore = !this.#isRunning;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END);
    const code = await this.#ended;
    clearTimeout(timer);
    if (code === 'SIGKILL') {
      throw new SniffError(`sniff did not end within ${END / 1000} s${this.#said()}`);
    }
    if (code !== 0 || endedBefore) {
      throw new SniffError(`sniff ended with code ${code} during the test${this.#said()}`);
    }
  }
}
