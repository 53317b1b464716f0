/** The bundle of `worker.ts`, made by `build.js`. */
declare module 'worker:' {
  const text: string;
  export default text;
}
