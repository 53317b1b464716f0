/** One kind of work, and the two programs that are compared. */
export interface Row {
  /** The name for `--row`. */
  readonly name: string;
  readonly title: string;
  /** The two programs, which do the same work: ours, and the one that it is compared with. */
  readonly programs: readonly [Program, Program];
  /** The other side of the connections: a process of its own, the same for both programs. */
  readonly peer?: PeerName;
  readonly work: Work;
  /** Units of the first, cold run. Later runs are scaled to the planned time. */
  readonly start: number;
  /** The name of the printed unit, and its size in units of the job (a MiB is 2 ** 20 bytes). */
  readonly unit: { readonly name: string; readonly size: number };
  readonly figures: readonly Figure[];
  /** Whether the tuning of memory can matter. Such a row runs with and without it. @default true */
  readonly memory?: boolean;
  /** How much longer than those of other rows its programs take to be compiled. @default 1 */
  readonly warmUp?: number;
  /** Whether each sample is a new process with `start` units: for memory. @default false */
  readonly fresh?: boolean;
}

/** One of the programs of a row, and its name in the table. */
export interface Program {
  readonly name: string;
  run(job: Job): Promise<Outcome>;
}

/** How the units of a row are divided. */
export interface Work {
  readonly connections: number;
  /** Bytes of one chunk. */
  readonly chunk: number;
}

/** One measured run, for the peer and the program. */
export interface Job extends Work {
  /** The name of the row. */
  readonly row: string;
  readonly units: number;
  /** The port of the peer. */
  readonly port: number;
}

/** The cost of one run. */
export interface Outcome {
  readonly units: number;
  readonly seconds: number;
  /** Seconds of CPU: in JavaScript and libuv, and in the kernel. */
  readonly user: number;
  readonly system: number;
  /** Pages that the kernel had to map. */
  readonly faults: number;
  /** Values of single rows. */
  readonly extra?: Readonly<Record<string, number>>;
}

/** One line of the table. */
export interface Figure {
  readonly title?: string;
  readonly unit: string;
  /** The number that is compared, as it is printed. */
  readonly value: (outcome: Outcome) => number;
  readonly better: 'more' | 'less';
  /**
   * `ratio`: ours to theirs (turned over where less is better, so that more than 1 is always for us); `added`: ours less theirs;
   * `absolute`: ours.
   */
  readonly compare: 'ratio' | 'added' | 'absolute';
  /** The minimum of a ratio, or the maximum of `added` and `absolute`. */
  readonly asked?: number;
  /** Number of equal steps that the ratio is made of. The figure is that of one step: the root. @default 1 */
  readonly steps?: number;
}

export type PeerName = 'source' | 'sink' | 'tls-source' | 'tls-sink' | 'echo' | 'hold' | 'dialler' | 'talker';

export const MIB: number = 2 ** 20;

/** Units per second of wall-clock time: the figure of most rows. */
export function perSecond(unit: string, size: number, asked: number): Figure {
  return { unit: `${unit}/s`, value: ({ units, seconds }) => units / size / seconds, better: 'more', compare: 'ratio', asked };
}
