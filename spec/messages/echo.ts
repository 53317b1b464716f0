// Sends back all bytes that arrive over a channel of messages: in a worker over the port of `workerData`, in a child over its IPC channel.
import { isMainThread, workerData, type MessagePort } from 'node:worker_threads';
import { connect, overMessages } from '../../src/index.ts';
import { overPort, overProcess } from './channels.ts';

const channel = isMainThread ? overProcess(process as never) : overPort(workerData as MessagePort);
connect({ wire: overMessages(channel) }, (io) => io.send(io)).subscribe();
