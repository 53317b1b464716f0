/**
 * Lets nodes race for sessions in a bucket of NATS. Each session must have one winner, and a stale write must be refused.
 *
 *   npx tsx spec/soak/directory-races.ts [--sessions 2500] [--nodes 4] [--brokers 3]
 *
 * Each node has a connection of its own. 2500 sessions and 4 nodes are 10,000 claims.
 */
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { Kvm } from '@nats-io/kv';
import { connect } from '@nats-io/transport-node';
import type { Subscription } from 'rxjs';
import { directory } from '../../src/nats/directory.ts';
import type { Claim, Directory, DirectoryBucket } from '../../src/nats/directory-types.ts';
import { startCluster } from '../interop/peers/nats.ts';

/** Sessions that are claimed at the same time. */
const AT_ONCE = 20;

export interface RaceOptions {
  readonly servers: string[];
  readonly sessions: number;
  readonly nodes: number;
  readonly bucket: string;
  /** @default 1 */
  readonly replicas?: number;
}

export interface RaceReport {
  claims: number;
  winners: number;
  sessionsWithOneWinner: number;
  /** Writes of an owner whose session was taken. */
  staleRefused: number;
  staleStored: number;
  /** Takeovers whose token was not higher than that before. */
  tokensOutOfOrder: number;
  /** Errors other than EBUSY, by name. */
  readonly otherErrors: string[];
}

export async function raceForSessions({ servers, sessions, nodes, bucket, replicas = 1 }: RaceOptions): Promise<RaceReport> {
  const report: RaceReport = {
    ...{ claims: 0, winners: 0, sessionsWithOneWinner: 0, staleRefused: 0, staleStored: 0, tokensOutOfOrder: 0 },
    otherErrors: [],
  };
  const connections = await Promise.all(Array.from({ length: nodes }, () => connect({ servers })));
  const buckets: (DirectoryBucket & { update(key: string, data: string, revision: number): Promise<number> })[] = [];
  for (const connection of connections) buckets.push(await new Kvm(connection).create(bucket, { replicas, timeout: 10_000 }));
  const directories = buckets.map((each) => directory(each, { ttl: 60_000 }));
  let next = 0;
  const race = async (): Promise<void> => {
    while (next < sessions) await raceFor(`s${(next += 1)}`, directories, buckets, report);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, race));
  await Promise.all(connections.map((connection) => connection.close()));
  return report;
}

async function raceFor(
  session: string,
  nodes: readonly Directory[],
  buckets: readonly DirectoryBucket[],
  report: RaceReport,
): Promise<void> {
  const results = await Promise.all(nodes.map((node) => attempt(node, session, 'fail')));
  report.claims += nodes.length;
  const winners = results.flatMap((result, at) => ('claim' in result ? [{ ...result, at }] : []));
  report.winners += winners.length;
  if (winners.length === 1) report.sessionsWithOneWinner += 1;
  for (const result of results) if ('error' in result && codeOf(result.error) !== 'EBUSY') report.otherErrors.push(String(result.error));
  const [winner] = winners;
  if (winner) {
    const { at, claim } = winner;
    const stale = claim.revision;
    const taker = await attempt(nodes[(at + 1) % nodes.length]!, session, 'take');
    if (!('claim' in taker) || taker.claim.token <= claim.token) report.tokensOutOfOrder += 1;
    // The write of a node that has not noticed: with the revision of its own claim.
    await buckets[at]!.update(session, 'stale', stale).then(
      () => (report.staleStored += 1),
      () => (report.staleRefused += 1),
    );
    taker.subscription.unsubscribe();
  }
  for (const { subscription } of results) subscription.unsubscribe();
}

type Attempt = { readonly subscription: Subscription } & ({ readonly claim: Claim } | { readonly error: unknown });

function attempt(node: Directory, session: string, whenOwned: 'fail' | 'take'): Promise<Attempt> {
  return new Promise((resolve) => {
    const subscription: Subscription = node.claim(session, { whenOwned }).subscribe({
      next: (claim) => resolve({ claim, subscription }),
      error: (error: unknown) => resolve({ error, subscription }),
    });
  });
}

function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown }).code;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sessions: { type: 'string', default: '2500' },
      nodes: { type: 'string', default: '4' },
      brokers: { type: 'string', default: '3' },
    },
  });
  const [sessions, nodes, size] = [values.sessions, values.nodes, values.brokers].map(Number) as [number, number, number];
  const cluster = await startCluster({ size });
  try {
    const started = performance.now();
    const report = await raceForSessions({ servers: [...cluster.urls], sessions, nodes, bucket: 'races', replicas: size });
    console.log(report, `${((performance.now() - started) / 1000).toFixed(1)} s`);
    const { sessionsWithOneWinner, staleRefused, tokensOutOfOrder, otherErrors } = report;
    if (sessionsWithOneWinner < sessions || staleRefused < sessions || tokensOutOfOrder + otherErrors.length > 0) process.exitCode = 1;
  } finally {
    await cluster.stop();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
