// What the package gives without a test runner.

export { SniffFindings, text } from './findings.js';
export { SniffError } from './program.js';
export { record } from './record.js';
export { replay } from './replay.js';
