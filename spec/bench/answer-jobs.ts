import type { Answer, Question } from './processes.ts';

/** Answers the questions of the parent process with the results of `work`. Reports first that this process is ready. */
export function answerJobs(work: (job: unknown) => Promise<unknown>): void {
  const send = (message: Answer): void => void process.send?.(message);
  process.on('message', ({ id, job }: Question) => {
    work(job).then(
      (value) => send({ id, value }),
      (error: unknown) => send({ id, failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  send({ id: 0 });
}
