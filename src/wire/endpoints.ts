import type { Endpoints, LayerDetails } from './signal.ts';

const UNKNOWN: Endpoints = /* @__PURE__ */ Object.freeze({});

/** Returns the addresses that the layer nearest the application knows, or undefined if only the wire's handle knows them. */
export function layerEndpoints(layers: readonly LayerDetails[]): Endpoints | undefined {
  return layers.find(({ endpoints }) => endpoints !== undefined)?.endpoints;
}

/** Returns the addresses of a connection: those that a layer knows, otherwise those of the handle. @param layers the wire's is the last. */
export function endpointsOf(layers: readonly LayerDetails[]): Endpoints {
  return layerEndpoints(layers) ?? (layers.at(-1)?.handle as Endpoints | undefined) ?? UNKNOWN;
}

/** Adds the addresses of both ends to the details of a layer. Not enumerable: printed details have them under the names of the layer. */
export function withEndpoints<T extends object>(facts: T, endpoints: Endpoints | undefined): T {
  return endpoints ? Object.defineProperty(facts, 'endpoints', { value: endpoints, enumerable: false }) : facts;
}
