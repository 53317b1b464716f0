/** One kind of work, done by two programs that are compared. */
export interface Row {
  /** What `--row` takes. */
  readonly name: string;
  readonly title: string;
  /** The two programs; the first is ours, the second what it is measured against. Both do the same work. */
  readonly programs: readonly [Program, Program];
  /** Who stands on the other side, in a process of its own, the same for both programs. */
  readonly peer?: PeerName;
  readonly work: Work;
  /** How many units the first, cold run has; later runs are scaled so that each takes the time wanted. */
  readonly start: number;
  /** What one unit is called, and how many of them make one that is printed (a MiB is 2 ** 20 bytes). */
  readonly unit: { readonly name: string; readonly size: number };
  readonly figures: readonly Figure[];
  /** Whether the tuning of memory can matter: such a row runs with and without it. @default true */
  readonly memory?: boolean;
  /** How many times as long as others it takes until its programs are compiled. @default 1 */
  readonly warmUp?: number;
  /** A new process for each sample, and as many units as `start` says: for memory. @default false */
  readonly fresh?: boolean;
}

/** A side of a row, by its name in the table, and what it does. */
export interface Program {
  readonly name: string;
  run(job: Job): Promise<Outcome>;
}

/** How the units of a row are cut up. */
export interface Work {
  readonly connections: number;
  /** Bytes in one piece. */
  readonly chunk: number;
}

/** One measured run, as the peer and the program get it. */
export interface Job extends Work {
  /** Its row's name. */
  readonly row: string;
  readonly units: number;
  /** Of the peer. */
  readonly port: number;
}

/** What one run cost. */
export interface Outcome {
  readonly units: number;
  readonly seconds: number;
  /** Seconds of CPU in JavaScript and libuv, and in the kernel. */
  readonly user: number;
  readonly system: number;
  /** Pages the kernel had to map. */
  readonly faults: number;
  /** What only some rows tell. */
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
  /** At least this ratio, or at most so much `added` or `absolute`. */
  readonly asked?: number;
  /** The ratio is of so many steps; each of them is its root. @default 1 */
  readonly steps?: number;
}

export type PeerName = 'source' | 'sink' | 'tls-source' | 'tls-sink' | 'echo' | 'hold' | 'dialler' | 'talker';

export const MIB: number = 2 ** 20;

/** Units per second, on the wall's clock: the figure of most rows. */
export function perSecond(unit: string, size: number, asked: number): Figure {
  return { unit: `${unit}/s`, value: ({ units, seconds }) => units / size / seconds, better: 'more', compare: 'ratio', asked };
}
