/**
 * Runs a program of the benchmark as a bundle, in a bare `node` of its own: `bare.ts [NODE-FLAG]… PROGRAM.ts [ARGUMENT]…`
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { bundle } from './bundle.ts';

const args = process.argv.slice(2);
const at = args.findIndex((each) => each.endsWith('.ts'));
const entry = args[at];
if (entry === undefined) throw new Error('expected the path of a program, such as spec/bench/growth.ts');
const child = spawn(process.execPath, [...args.slice(0, at), await bundle(entry), ...args.slice(at + 1)], { stdio: 'inherit' });
const [code] = (await once(child, 'exit')) as [number | null];
process.exitCode = code ?? 1;
