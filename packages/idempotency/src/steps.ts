import { IdempotencyError } from './errors.ts'

/*
 * A checkpoint is JSON: [1, [name, result], …], where 1 is the version of this form and a result
 * of `undefined` is left out. Names are in the order in which the steps ended.
 */
const version = 1
const nameLengthMax = 128

/** Results of steps by name, as a checkpoint carries them. */
export type StepResults = ReadonlyMap<string, unknown>

/** What {@link Steps} are made of. */
export interface StepsParts {
  /** What earlier attempts have recorded. */
  readonly results: StepResults
  readonly stepsMax: number
  readonly stepsMaxBytes: number
  /** Throws if nothing may be begun any more. */
  readonly mayBegin: () => void
  /** Writes a checkpoint, or rejects. */
  readonly record: (checkpoint: Uint8Array) => Promise<void>
}

interface Step {
  /** The result as JSON; `undefined` for a result of `undefined`. */
  readonly json: string | undefined
  recorded: boolean
}

/** The recovery points of one execution; see `ctx.step`. */
export class Steps {
  readonly #parts: StepsParts
  readonly #done: Map<string, Step> = new Map()
  readonly #running: Map<string, Promise<unknown>> = new Map()
  #writing: Promise<void> = Promise.resolve()

  constructor(parts: StepsParts) {
    this.#parts = parts
    for (const [name, result] of parts.results) {
      this.#done.set(name, { json: JSON.stringify(result), recorded: true })
    }
  }

  run<T>(name: string, work: () => Promise<T> | T): Promise<T> {
    const running = this.#running.get(name)
    if (running !== undefined) return running as Promise<T>
    const step = this.#run(name, work).finally(() => this.#running.delete(name))
    this.#running.set(name, step)
    return step
  }

  async #run<T>(name: string, work: () => Promise<T> | T): Promise<T> {
    let step = this.#done.get(name)
    if (step === undefined) {
      this.#checkName(name)
      this.#parts.mayBegin()
      step = { json: jsonOf(name, await work()), recorded: false }
      this.#done.set(name, step)
    }
    if (!step.recorded) await this.#record(name)
    // Through JSON in the first attempt too: a handler must not meet another value only after a
    // crash.
    return (step.json === undefined ? undefined : JSON.parse(step.json)) as T
  }

  /** One write after the other: each carries all steps, so a late one must not undo a newer one. */
  #record(name: string): Promise<void> {
    const write = this.#writing.then(async () => {
      if (this.#done.get(name)?.recorded === true) return
      const included = [...this.#done]
      const checkpoint = encode(included)
      const { stepsMaxBytes } = this.#parts
      if (checkpoint.byteLength > stepsMaxBytes) {
        throw invalid(
          `with the result of '${name}' the steps take ${checkpoint.byteLength} bytes, ` +
            `more than stepsMaxBytes ${stepsMaxBytes}`,
        )
      }
      await this.#parts.record(checkpoint)
      for (const [, step] of included) step.recorded = true
    })
    this.#writing = write.catch(() => undefined)
    return write
  }

  #checkName(name: string): void {
    if (typeof name !== 'string' || name === '' || name.length > nameLengthMax) {
      throw invalid(`a step's name must be a text of 1 to ${nameLengthMax} characters`)
    }
    const { stepsMax } = this.#parts
    if (this.#done.size + this.#running.size >= stepsMax) {
      throw invalid(`step '${name}' is one more than stepsMax ${stepsMax}`)
    }
  }
}

const none: StepResults = new Map()

/** Reads a checkpoint; `undefined` if it is not one that this version can read. */
export function decodeSteps(checkpoint: Uint8Array): StepResults | undefined {
  if (checkpoint.byteLength === 0) return none
  try {
    const [readVersion, ...pairs] = JSON.parse(
      Buffer.from(checkpoint).toString('utf8'),
    ) as unknown[]
    if (readVersion !== version) return undefined
    return new Map(pairs.map((pair) => readPair(pair)))
  } catch {
    return undefined
  }
}

function readPair(pair: unknown): [string, unknown] {
  const [name, result] = pair as [unknown, unknown]
  if (typeof name !== 'string') throw new TypeError('a step without a name')
  return [name, result]
}

function encode(steps: readonly (readonly [string, Step])[]): Buffer {
  const pairs = steps.map(([name, { json }]) => {
    return `[${JSON.stringify(name)}${json === undefined ? '' : `,${json}`}]`
  })
  return Buffer.from(`[${[version, ...pairs].join(',')}]`, 'utf8')
}

function jsonOf(name: string, result: unknown): string | undefined {
  try {
    return JSON.stringify(result) as string | undefined
  } catch (cause) {
    throw invalid(`the result of step '${name}' cannot be written as JSON`, cause)
  }
}

function invalid(message: string, cause?: unknown): IdempotencyError {
  return new IdempotencyError('IDEMPOTENCY_STEP_INVALID', message, { cause })
}
