// What Vitest reports of tests that use the fixtures, seen from outside.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { serve, type Started } from './server.js';

let server: Started;
beforeAll(async () => {
  server = await serve();
});
afterAll(() => server.stop());

let folder: string;
beforeEach(async () => {
  // Within the package, so that its imports are found.
  await mkdir('test/tmp', { recursive: true });
  folder = await mkdtemp(resolve('test/tmp/run-'));
});
afterEach(() => rm(folder, { recursive: true }));

interface Run {
  readonly code: unknown;
  readonly said: string;
}

/** Runs one file of tests with Vitest. */
async function vitest(body: string, environment: Record<string, string> = {}): Promise<Run> {
  const file = `import { expect } from 'vitest';
import { test } from 'sniff-fixtures/vitest';
import { ask } from '../../server.js';
${body}`;
  await writeFile(join(folder, 'it.test.ts'), file);
  await writeFile(join(folder, 'vitest.config.js'), 'export default { test: { testTimeout: 300_000 } };\n');
  const program = resolve('node_modules/vitest/vitest.mjs');
  const env = { ...process.env, NO_COLOR: '1', CI: '1', ...environment };
  return new Promise((done) => {
    execFile(process.execPath, [program, 'run'], { cwd: folder, env }, (error, stdout, stderr) => {
      done({ code: error?.code ?? 0, said: stdout + stderr });
    });
  });
}

const kept = () => readdir(join(folder, 'sniff-recordings')).catch(() => []);

test('a failing stream fails the test with the finding', async () => {
  const { code, said } = await vitest(`test('stream', async ({ sniffRecord }) => {
    expect(await ask(await sniffRecord.via('${server.url}/wrong/v1'))).toBe('At noon.');
  });`);
  expect(code, said).toBe(1);
  expect(said).toContain('1 failed');
  expect(said).toContain('POST /wrong/v1/chat/completions  200  openai.chat');
  expect(said).toContain('HTTP-001  error  Content-Type is application/x-ndjson');
  expect(said).toContain('--> response head');
  expect(said).toContain('= fix: Send `Content-Type: text/event-stream`');
  expect(await kept()).toEqual(['it.test.ts-stream.db']);
});

test('a right stream passes and leaves nothing', async () => {
  const { code, said } = await vitest(`test('stream', async ({ sniffRecord }) => {
    expect(await ask(await sniffRecord.via('${server.url}/right/v1'))).toBe('At noon.');
  });`);
  expect(code, said).toBe(0);
  expect(await kept()).toEqual([]);
});

test('a client that goes another way is noticed', async () => {
  const { code, said } = await vitest(`test('stream', async ({ sniffRecord }) => {
    await sniffRecord.via('${server.url}/v1');
  });`);
  expect([code, said]).toEqual([1, expect.stringContaining(`nothing was recorded of ${server.url}: no request came`)]);
});

test('a test that fails by itself has the findings too, and its recording is kept', async () => {
  const { code, said } = await vitest(`test('wrong', async ({ sniffRecord }) => {
    expect(await ask(await sniffRecord.via('${server.url}/wrong/v1'))).toBe('At one.');
  });
  test('right', async ({ sniffRecord }) => {
    expect(await ask(await sniffRecord.via('${server.url}/right/v1'))).toBe('At one.');
  });`);
  expect(code).toBe(1);
  expect(said).toContain("expected 'At noon.' to be 'At one.'");
  expect(said).toContain('HTTP-001  error  ');
  expect(await kept()).toHaveLength(2);
});

test('a request without a recording fails the test', async () => {
  const { code, said } = await vitest(`import { record } from 'sniff-fixtures';
  test('chat', async ({ sniffReplay }) => {
    const recording = await record('${server.url}/right/v1');
    await ask(recording.url);
    await recording.stop();
    const { url } = await sniffReplay(recording.database);
    await expect(ask(url + '/elsewhere/v1')).rejects.toThrow('404');
  });`);
  expect([code, said]).toEqual([1, expect.stringContaining('no recording answers these requests (404):')]);
  expect(said).toContain('/elsewhere/v1');
});

test('a program that is not ours is refused', async () => {
  const body = `test('stream', async ({ sniffRecord }) => {
    await sniffRecord.via('http://127.0.0.1:9/v1');
  });`;
  expect((await vitest(body, { SNIFF: '/no/such/sniff' })).said).toContain('/no/such/sniff cannot be run');
  expect((await vitest(body, { SNIFF: '/bin/echo' })).said).toContain('/bin/echo is another program of that name');
});
