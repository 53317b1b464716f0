import { handshake, passthrough, type Plugin } from 'rxjs-io-stream';
import type { Row } from '../row.ts';
import { echoing, echoRow } from './echo.ts';

/** Layers that do not change the bytes, compared with none. */
function idleLayers(name: string, title: string, count: number, make: () => Plugin): Row {
  const plugin = Object.fromEntries(Array.from({ length: count }, (_, at) => [`layer${at}`, make()]));
  const row = echoRow(name, title, [echoing(`with ${count}`, plugin), echoing('without')], 1);
  return { ...row, figures: row.figures.map((figure) => ({ ...figure, asked: 0.98, steps: count })) };
}

/** A handshake without a conversation: it is done at once. */
const finished = (): Plugin => handshake({ *talk() {} });

export const passthrough1: Row = idleLayers('passthrough-1', 'one passthrough on bulk echo', 1, passthrough);
export const passthrough10: Row = idleLayers('passthrough-10', 'each of 10 passthroughs on bulk echo', 10, passthrough);
export const handshakes10: Row = idleLayers('finished-handshake-10', 'each of 10 finished handshakes on bulk echo', 10, finished);
