import type { Job } from '../row.ts';

export function echoAll(job: Job): Promise<void>;
