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
  /** Returns why the row cannot run here, or undefined. @param node the major version of the children's Node */
  readonly missing?: (node: number) => string | undefined;
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
  /** Whether TLS connections resume a session. @default false */
  readonly resumes?: boolean;
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
  /** Number of equal steps that the difference is made of. The figure is that of one step: the root of a ratio. @default 1 */
  readonly steps?: number;
  /**
   * What a ratio is judged by:
   *
   * - `rate`: the wall clock while the machine is quiet, otherwise CPU per unit.
   * - `both`: as `rate`, and CPU per unit on a quiet machine, too.
   * - `cpu`: CPU per unit.
   * - `value`: the printed value itself, such as a latency. So are `added` and `absolute`.
   *
   * @default 'rate'
   */
  readonly judge?: Judge;
}

export type Judge = 'rate' | 'both' | 'cpu' | 'value';

export type PeerName = 'source' | 'sink' | 'tls-source' | 'tls-sink' | 'echo' | 'tls-echo' | 'hold' | 'talker' | DiallingPeer;
/** The peers that dial a program, which listens. */
export type DiallingPeer = 'opener' | 'caller' | 'tls-caller';

export const MIB: number = 2 ** 20;

/** Units per second of wall-clock time: the figure of most rows. */
export function perSecond(unit: string, size: number, asked: number | undefined, judge: Judge = 'rate'): Figure {
  const value: Figure['value'] = ({ units, seconds }) => units / size / seconds;
  return { unit: `${unit}/s`, value, better: 'more', compare: 'ratio', judge, ...(asked === undefined ? {} : { asked }) };
}
