import type { RedisArgument, RedisPort } from './redis-port.ts'
import type { Script, ScriptForms } from './scripts/script.ts'

/** Runs scripts by their hash, and sends their text when the server does not know the hash. */
export class ScriptRunner {
  readonly #client: RedisPort
  #understandsFlags = true

  constructor(client: RedisPort) {
    this.#client = client
  }

  /** Fails for a script that the server does not know; then {@link ScriptRunner.teach} it. */
  run(forms: ScriptForms, key: string, args: readonly RedisArgument[]): Promise<unknown> {
    const { sha } = this.#formOf(forms)
    return this.#client.evalshaBuffer === undefined
      ? this.#client.callBuffer('EVALSHA', sha, 1, key, ...args)
      : this.#client.evalshaBuffer(sha, 1, key, ...args)
  }

  /** Runs a script by its text, which the server then knows. */
  async teach(forms: ScriptForms, key: string, args: readonly RedisArgument[]): Promise<unknown> {
    const script = this.#formOf(forms)
    try {
      return await this.#eval(script, key, args)
    } catch (error) {
      if (script === forms.plain || !isReply(error, 'ERR Error compiling script')) throw error
      // Redis 6 and older read '#!lua' as a syntax error. They also have no allow-oom.
      this.#understandsFlags = false
      return this.#eval(forms.plain, key, args)
    }
  }

  #formOf(forms: ScriptForms): Script {
    return this.#understandsFlags ? forms.flagged : forms.plain
  }

  #eval(script: Script, key: string, args: readonly RedisArgument[]): Promise<unknown> {
    return this.#client.evalBuffer === undefined
      ? this.#client.callBuffer('EVAL', script.lua, 1, key, ...args)
      : this.#client.evalBuffer(script.lua, 1, key, ...args)
  }
}

/** True for an error that the server sent: the command has not run, and will not. */
export function isServerReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError'
}

/** True for the answer of a server that does not know a script by its hash. */
export function isUnknownScript(error: unknown): boolean {
  return isReply(error, 'NOSCRIPT')
}

function isReply(error: unknown, start: string): boolean {
  return error instanceof Error && error.message.startsWith(start)
}
