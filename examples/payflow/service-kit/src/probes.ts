/**
 * A named instant in the code. Tests make a process die or pause exactly there; anywhere else the
 * call does nothing.
 */
export type Probe = (name: string, detail?: unknown) => void | Promise<void>

/** The probe that does nothing. */
export const noProbe: Probe = () => undefined

/** The probe of this process. */
export function processProbe(): Probe {
  return noProbe
}
