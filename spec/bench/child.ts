/**
 * A process of the benchmark: `child program 0|1 [PROFILE]` (ours, theirs) or `child peer NAME`.
 *
 * Answers each job that it receives, and exits when its parent does. V8's CPU profile, without the imports, is written to PROFILE.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { answerJobs } from './answer-jobs.ts';
import { peers } from './peers.ts';
import type { Job, PeerName } from './row.ts';
import { rows } from './rows/index.ts';

const [role, name, profile] = process.argv.slice(2);

function answerer(): (job: Job) => Promise<unknown> {
  if (role === 'peer') return peers[name as PeerName]();
  return async (job) => {
    const program = rows.find((row) => row.name === job.row)?.programs[name === '0' ? 0 : 1];
    if (!program) throw new Error(`expected the name of a row, got ${job.row}`);
    return program.run(job);
  };
}

/** Node's own `--cpu-prof` would profile the imports, too. */
function startProfile(file: string): () => void {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.start');
  return () => session.post('Profiler.stop', (_, result) => writeFileSync(file, JSON.stringify(result.profile)));
}

const stopProfile = profile === undefined ? undefined : startProfile(profile);
process.on('disconnect', () => {
  stopProfile?.();
  process.exit();
});
const answer = answerer();
answerJobs((job) => answer(job as Job));
