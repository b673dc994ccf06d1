import type { RedisArgument, RedisPort } from './redis-port.ts'
import type { Script, ScriptForms } from './scripts/script.ts'

/** Runs scripts by their hash, and sends their text when the server does not know the hash. */
export class ScriptRunner {
  readonly #client: RedisPort
  #understandsFlags = true

  constructor(client: RedisPort) {
    this.#client = client
  }

  /**
   * One round trip; two after a restart, a failover or SCRIPT FLUSH. The second is made only if the
   * caller still wants it: a claim that was given up is taken back behind the first one, and must
   * not run after that.
   */
  async run(
    forms: ScriptForms,
    key: string,
    args: readonly RedisArgument[],
    isWanted: () => boolean = () => true,
  ): Promise<unknown> {
    const script = this.#understandsFlags ? forms.flagged : forms.plain
    try {
      return await this.#evalSha(script, key, args)
    } catch (error) {
      if (!isReply(error, 'NOSCRIPT') || !isWanted()) throw error
    }
    try {
      return await this.#eval(script, key, args)
    } catch (error) {
      if (script === forms.plain || !isReply(error, 'ERR Error compiling script')) throw error
      // Redis 6 and older read '#!lua' as a syntax error. They also have no allow-oom.
      this.#understandsFlags = false
      return this.#eval(forms.plain, key, args)
    }
  }

  #evalSha(script: Script, key: string, args: readonly RedisArgument[]): Promise<unknown> {
    return this.#client.evalshaBuffer === undefined
      ? this.#client.callBuffer('EVALSHA', script.sha, 1, key, ...args)
      : this.#client.evalshaBuffer(script.sha, 1, key, ...args)
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

function isReply(error: unknown, start: string): boolean {
  return error instanceof Error && error.message.startsWith(start)
}
