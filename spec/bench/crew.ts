import { join } from 'node:path';
import { Child, type Launch } from './processes.ts';
import type { Job, Outcome, PeerName, Row } from './row.ts';

/** The processes of a measurement: one for each program, one for each peer that a row needed. */
class Crew {
  readonly #programs: readonly [Child, Child];
  readonly #launch: Launch;
  readonly #peers = new Map<PeerName, Child>();

  constructor(programs: readonly [Child, Child], launch: Launch) {
    this.#programs = programs;
    this.#launch = launch;
  }

  async addPeer(peer: PeerName | undefined): Promise<void> {
    // Peers always have tuned memory, so that they are the same for all rows.
    if (peer && !this.#peers.has(peer)) this.#peers.set(peer, await Child.start(['peer', peer], { ...this.#launch, tuned: true }));
  }

  async run(row: Row, side: 0 | 1, units: number): Promise<Outcome> {
    const job: Job = { ...row.work, row: row.name, units, port: 0 };
    const peer = row.peer && this.#peers.get(row.peer);
    const port = ((await peer?.ask(job)) as { port: number } | undefined)?.port ?? 0;
    return (await this.#programs[side].ask({ ...job, port })) as Outcome;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#programs, ...this.#peers.values()].map((child) => child.stop()));
  }
}

/** Keeps one crew of processes until it is dismissed. */
export class Crews {
  readonly #launch: Launch;
  readonly #profiles: string | undefined;
  #current: Crew | undefined;

  /** @param profiles the folder for V8's CPU profiles of the programs. */
  constructor(launch: Launch, profiles?: string) {
    this.#launch = launch;
    this.#profiles = profiles;
  }

  async take(row: Row): Promise<Crew> {
    if (row.fresh) await this.dismiss();
    this.#current ??= new Crew(await Promise.all([this.#program(row, '0'), this.#program(row, '1')]), this.#launch);
    await this.#current.addPeer(row.peer);
    return this.#current;
  }

  async dismiss(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await current?.stop();
  }

  #program(row: Row, side: string): Promise<Child> {
    const profile = this.#profiles === undefined ? [] : [join(this.#profiles, `${row.name}.${side}.cpuprofile`)];
    return Child.start(['program', side, ...profile], this.#launch);
  }
}
