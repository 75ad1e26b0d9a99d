// Findings as values, and as the text of a failure.

/** @import { FailOn, Finding, Level } from './types.js' */

/** @type {readonly Level[]} */
export const LEVELS = ['error', 'warning', 'info'];

/** Most findings that a failure lists; the recording has them all. */
const LISTED = 20;

export class SniffFindings extends Error {
  /**
   * @param {string} message
   * @param {readonly Finding[]} [findings]
   */
  constructor(message, findings = []) {
    super(message);
    this.name = 'SniffFindings';
    this.findings = findings;
  }
}

/**
 * Where it is: head, record, byte, chunk, as far as they are known.
 * @param {Omit<Finding, 'place'>} finding
 */
function place({ excerpt, record, offset, chunk }) {
  const named = Object.entries({ record, byte: offset, chunk }).filter(([, n]) => n !== null);
  const head = excerpt !== null && excerpt.of !== 'body' ? [`response ${excerpt.of}`] : [];
  return [...head, ...named.map(([name, n]) => `${name} ${n}`)].join(', ');
}

/**
 * The findings in the JSON of `sniff check`, the worst first.
 * @param {any} judged
 * @returns {Finding[]}
 */
export function read(judged) {
  /** @type {Finding[]} */
  const found = [];
  for (const { exchange, request, status, dialect, findings } of judged.cases) {
    for (const { rule, level, message, fix, record, offset, chunk, count, excerpt } of findings) {
      const about = { exchange, request, status, dialect };
      const finding = { rule, level, message, fix, record, offset, chunk, count, excerpt, ...about };
      found.push({ ...finding, place: place(finding) });
    }
  }
  return found.sort((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level));
}

/**
 * The findings at or over the level.
 * @param {readonly Finding[]} findings
 * @param {FailOn} failOn
 */
export function failing(findings, failOn) {
  const worst = failOn === 'never' ? [] : LEVELS.slice(0, LEVELS.indexOf(failOn) + 1);
  return findings.filter((finding) => worst.includes(finding.level));
}

/**
 * A text in lines of at most this many columns.
 * @param {string} words
 * @param {number} columns
 */
function wrap(words, columns) {
  const lines = [''];
  for (const word of words.split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last && last.length + 1 + word.length > columns) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
}

/**
 * Like a compiler's message: what, where, the bytes, what to do.
 * @param {Finding} finding
 */
export function text({ rule, level, message, count, place, excerpt, fix }) {
  const lines = [`${rule}  ${level}  ${message}${count > 1 ? ` (${count} times)` : ''}`];
  if (place) lines.push(`  --> ${place}`);
  if (excerpt) {
    const before = excerpt.before.slice(-60);
    const carets = Math.max(1, Math.min(excerpt.marked.length, 96 - before.length));
    lines.push(`   | ${`${before}${excerpt.marked}${excerpt.after}`.slice(0, 96)}`);
    lines.push(`   | ${' '.repeat(before.length)}${'^'.repeat(carets)}`);
  }
  if (fix) {
    const [first, ...more] = wrap(fix, 86);
    lines.push(`   = fix: ${first}`, ...more.map((line) => `          ${line}`));
  }
  return lines.join('\n');
}

/**
 * The text of a failure: by exchange, each finding with its place and what to do.
 * @param {readonly Finding[]} findings
 * @param {string} recording
 */
export function report(findings, recording) {
  const lines = [`sniff: ${findings.length} ${findings.length === 1 ? 'finding' : 'findings'} in what was recorded`];
  let before;
  for (const finding of findings.slice(0, LISTED)) {
    const about = `${finding.request}  ${finding.status ?? '-'}  ${finding.dialect}`;
    if (about !== before) lines.push(about);
    before = about;
    lines.push(text(finding).replace(/^/gm, '  '));
  }
  if (findings.length > LISTED) lines.push(`  and ${findings.length - LISTED} more`);
  lines.push(`recording: ${recording}`);
  lines.push(`next: sniff --db '${recording}' list; sniff explain ${findings[0]?.rule}`);
  return lines.join('\n');
}
