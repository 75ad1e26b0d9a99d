/** How much a finding matters, the worst first. */
export type Level = 'error' | 'warning' | 'info';

/** The level from which findings fail. */
export type FailOn = Level | 'never';

/** The offending bytes with those around them on their line, in printable form. */
export interface Excerpt {
  readonly of: 'body' | 'head' | 'trailers';
  readonly offset: number;
  readonly before: string;
  readonly marked: string;
  readonly after: string;
}

/** One violation of one rule by one exchange. */
export interface Finding {
  /** Code of the rule, for example `SSE-002`; `sniff explain SSE-002` has its reason. */
  readonly rule: string;
  readonly level: Level;
  /** What is wrong, one sentence. */
  readonly message: string;
  /** What to do about it. */
  readonly fix: string | null;
  /** Index of the record (the event, the line) from 0, if the finding concerns one. */
  readonly record: number | null;
  /** Byte offset in the decoded body, if the finding has a place there. */
  readonly offset: number | null;
  /** Index of the chunk that showed it, from 0. */
  readonly chunk: number | null;
  /** Number of places in this exchange. */
  readonly count: number;
  readonly excerpt: Excerpt | null;
  /** Where it is: head, record, byte, chunk, as far as they are known. */
  readonly place: string;
  /** Number of the exchange in its recording. */
  readonly exchange: number;
  /** Method and target of the request. */
  readonly request: string;
  /** Status code of the response. */
  readonly status: number | null;
  /** Whose API the answer speaks, with its variant. */
  readonly dialect: string;
}

/**
 * A recorded exchange as `sniff list --format json` has it; the contract of `sniff` names all fields. These are the
 * ones that tests ask for most.
 */
export interface Exchange {
  readonly id: number;
  readonly verdict: string;
  readonly request: { readonly method: string; readonly path: string; readonly [field: string]: unknown };
  readonly response: {
    readonly status: number | null;
    readonly text: string | null;
    readonly finish_reason: string | null;
    readonly [field: string]: unknown;
  };
  readonly timing: {
    readonly ttft_ms: number | null;
    readonly itl_max_ms: number | null;
    readonly duration_ms: number | null;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** What all that starts the program has in common. */
export interface ProgramOptions {
  /** Where `sniff.toml` is looked for. Default: the working directory. */
  readonly cwd?: string;
  /** Milliseconds that the program may take to start. Default: 60 000. */
  readonly timeout?: number;
}

/** How what is recorded is judged. */
export interface JudgeOptions {
  /** The level from which findings fail. Default: `error`. */
  readonly failOn?: FailOn;
  /** Rules, by code or name, whose findings are allowed. */
  readonly allow?: readonly string[];
}

export interface RecordOptions extends ProgramOptions, JudgeOptions {
  /** The recording's file. Default: in a temporary folder, which `stop` leaves there. */
  readonly database?: string;
}

/** A proxy before one server, which records what passes. */
export interface Recording extends AsyncDisposable {
  /** The URL to use in place of the server's, with the same path. */
  readonly url: string;
  /** The recording: a database for `sniff list`, `show` and `replay`. */
  readonly database: string;
  /** Ends the recording. What was open is kept as far as it came. May be called again. */
  stop(): Promise<void>;
  /** Ends the recording; its exchanges. */
  exchanges(): Promise<Exchange[]>;
  /** Ends the recording; its findings of all levels, the worst first, without those that are allowed. */
  findings(): Promise<Finding[]>;
  /**
   * Ends the recording; rejects with `SniffFindings` if it has findings that fail, or if no request came. `kept` is
   * where the recording will be, for the message.
   */
  check(kept?: string): Promise<void>;
}

export interface ReplayOptions extends ProgramOptions {
  /** Which exchange answers, by its number. Default: all of the recording, or of `session`. */
  readonly exchange?: number | 'last';
  readonly session?: number | string;
  /** What a request must have in common with a recorded one. Default: method, target and body. */
  readonly match?: 'body' | 'path' | 'sequence' | 'exact';
  /** Factor of the recorded pace; 1 answers at the recorded times. Default: `max`, at once. */
  readonly speed?: number | 'max';
  /** Time to the first byte, such as `2s`. */
  readonly firstDelay?: string;
  /** Faults to put into it, to test a client, such as `drop-terminator` (`sniff replay --help` lists them). */
  readonly faults?: readonly string[];
  /** Further options of `sniff replay`. */
  readonly options?: readonly string[];
}

/** A server that answers as the recorded one did: the same bytes in the same chunks. */
export interface Replay extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`; append the path that the client needs, such as `/v1`. */
  readonly url: string;
  /** Requests that no recording answered (404): for each, what was nearest and what differed. */
  readonly unmatched: readonly string[];
  /** Ends the server. May be called again. */
  stop(): Promise<void>;
}
