import { constants } from 'node:os';

/** Makes an error of a system call, as Node does. */
export function systemError(code: 'ECANCELED' | 'EISCONN', syscall: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { code, errno: -constants.errno[code], syscall });
}
