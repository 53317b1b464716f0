import { passthrough } from 'rxjs-io-stream';
import type { Row } from '../row.ts';
import { echoing, echoRow } from './echo.ts';

function passthroughs(count: number): Row {
  const plugin = Object.fromEntries(Array.from({ length: count }, (_, at) => [`noop${at}`, passthrough()]));
  const title = count === 1 ? 'one passthrough on bulk echo' : `each of ${count} passthroughs on bulk echo`;
  const row = echoRow(`passthrough-${count}`, title, [echoing(`with ${count}`, plugin), echoing('without')], 1);
  return { ...row, figures: row.figures.map((figure) => ({ ...figure, asked: 0.98, steps: count })) };
}

export const passthrough1: Row = passthroughs(1);
export const passthrough10: Row = passthroughs(10);
