import type { Row } from '../row.ts';
import { connectEchoClose1, connectEchoClose100 } from './connect-echo-close.ts';
import { echo1, echo100 } from './echo.ts';
import { handshakeByCount, handshakeByDelimiter } from './handshake.ts';
import { idleAccepted, idleAcceptedCallback, idleClient, idleClientCallback } from './idle-memory.ts';
import { passthrough1, passthrough10 } from './passthrough.ts';
import { pingPong } from './ping-pong.ts';
import { receive1m, receive64k } from './receive.ts';
import { send1m, send64k, sendSource1m, sendSource64k } from './send.ts';
import { smallWrites } from './small-writes.ts';

export const rows: readonly Row[] = [
  receive64k,
  receive1m,
  send64k,
  send1m,
  sendSource64k,
  sendSource1m,
  echo1,
  echo100,
  connectEchoClose1,
  connectEchoClose100,
  smallWrites,
  pingPong,
  idleClient,
  idleClientCallback,
  idleAccepted,
  idleAcceptedCallback,
  passthrough1,
  passthrough10,
  handshakeByCount,
  handshakeByDelimiter,
];
