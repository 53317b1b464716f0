// Sends a file through a stack of plugins to an echo server, and checks that the same bytes come back. README.md explains the parts.
//   npm start -- --help
import { explain, Failure } from './failure.ts';
import { HELP, parseOptions } from './options.ts';
import { transfer } from './transfer.ts';

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => stop.abort(new Failure('the transfer to go on to its end', name, 'start it again; nothing is left behind')));
}
// The reader of stdout may exit early (`npm start | head`). The transfer continues.
process.stdout.on('error', () => {});

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) console.log(HELP);
  else await transfer(options, stop.signal);
} catch (error) {
  console.error(explain(error).message);
  process.exitCode = 1;
}
