// The fixtures as users have them: with the openai library, within the test and at its end.
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { record, replay, SniffError, SniffFindings, text } from 'sniff-fixtures';
import { test } from 'sniff-fixtures/vitest';
import { ask, serve, type Started } from './server.js';

let server: Started;
beforeAll(async () => {
  server = await serve();
});
afterAll(() => server.stop());

/** The recording of a right stream. */
async function recorded(): Promise<string> {
  await using recording = await record(`${server.url}/right/v1`);
  await ask(recording.url);
  return recording.database;
}

test('a right stream is recorded', async ({ sniffRecord }) => {
  expect(await ask(await sniffRecord.via(`${server.url}/right/v1`))).toBe('At noon.');
  const [exchange, ...more] = await sniffRecord.exchanges();
  expect([exchange?.response.text, exchange?.verdict, more]).toEqual(['At noon.', 'complete', []]);
  expect((await sniffRecord.findings()).filter((finding) => finding.level === 'error')).toEqual([]);
});

describe('without a level that fails', () => {
  test.override({ sniffOptions: { failOn: 'never' } });

  test('findings are values', async ({ sniffRecord }) => {
    await ask(await sniffRecord.via(`${server.url}/wrong/v1`));
    const finding = (await sniffRecord.findings()).find(({ rule }) => rule === 'HTTP-001');
    expect(finding).toMatchObject({ level: 'error', place: 'response head', status: 200 });
    expect(finding?.excerpt?.marked).toBe('application/x-ndjson');
    expect(finding && text(finding)).toContain('= fix: Send `Content-Type: text/event-stream`');
  });

  test('faults are put into a recording', async ({ sniffRecord, sniffReplay }) => {
    const { url } = await sniffReplay(await recorded(), { faults: ['drop-terminator'] });
    expect(await ask(await sniffRecord.via(`${url}/right/v1`))).toBe('At noon.');
    expect((await sniffRecord.findings()).map(({ rule }) => rule)).toContain('OAI-CHAT-001');
  });
});

describe('with allowed rules', () => {
  test.override({ sniffOptions: { allow: ['wrong-content-type', 'HTTP-002'] } });

  test('their findings are left out', async ({ sniffRecord }) => {
    await ask(await sniffRecord.via(`${server.url}/wrong/v1`));
    const rules = (await sniffRecord.findings()).map(({ rule }) => rule);
    expect(rules.filter((rule) => ['HTTP-001', 'HTTP-002'].includes(rule))).toEqual([]);
  });
});

test('a recording is replayed', async ({ sniffReplay }) => {
  const database = await recorded();
  const before = await readdir(dirname(database));
  expect(await ask(`${(await sniffReplay(database)).url}/right/v1`)).toBe('At noon.');
  const timed = await sniffReplay(database, { exchange: 1, speed: 1 });
  expect(await ask(`${timed.url}/right/v1`)).toBe('At noon.');
  await timed.stop();
  expect(await readdir(dirname(database)), 'nothing beside the recording').toEqual(before);
});

test('requests without a recording are named', async ({ sniffReplay }) => {
  sniffReplay.allowUnmatched = true;
  const { url } = await sniffReplay(await recorded());
  await expect(ask(`${url}/right/v1`, 'Where?')).rejects.toThrow('404');
  await expect.poll(() => sniffReplay.unmatched).toEqual([expect.stringContaining('messages')]);
});

test('captures are replayed too, found beside the test', async ({ sniffReplay }) => {
  const { url } = await sniffReplay('../../../captures/dialect/openai-chat/input.wire', { match: 'path' });
  expect(await ask(`${url}/v1`)).toMatch(/^Hello/);
});

test('without fixtures: record, check, replay', async () => {
  await using recording = await record(`${server.url}/wrong/v1`);
  await ask(recording.url);
  const error: unknown = await recording.check().catch((error: unknown) => error);
  expect(error).toBeInstanceOf(SniffFindings);
  expect(String(error)).toContain('HTTP-001  error  Content-Type is application/x-ndjson');
  await using replaying = await replay(recording.database);
  expect(await ask(`${replaying.url}/wrong/v1`)).toBe('At noon.');
});

test('what cannot be served says why', async () => {
  await expect(replay(join('no', 'such.db'))).rejects.toThrow('ENOENT');
  await expect(replay(await recorded(), { exchange: 99 })).rejects.toThrow(/did not start:[^]*exchange 99/);
  await expect(record('127.0.0.1:9000')).rejects.toThrow('is not the URL of a server');
  await expect(replay(await recorded(), { options: ['--no-such'] })).rejects.toThrow(SniffError);
});
