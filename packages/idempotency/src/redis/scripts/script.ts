import { createHash } from 'node:crypto'

/** A Lua script that touches exactly one key. */
export interface Script {
  readonly name: string
  readonly lua: string
  readonly sha: string
}

/** A script in the two forms that servers understand. */
export interface ScriptForms {
  /** For Redis 7 and newer. */
  readonly flagged: Script
  /** For older servers, which take the first line for a syntax error. */
  readonly plain: Script
}

/**
 * Makes a script. `allow-oom` lets it write when the server is over `maxmemory`: a result must
 * always be recorded, or a payment that was made looks as if it never was. Only the claim goes
 * without: it is the one step that may be refused, because nothing has happened yet.
 */
export function defineScript(name: string, mayWriteWhenFull: boolean, lua: string): ScriptForms {
  const plain = withSha(name, lua)
  return { plain, flagged: mayWriteWhenFull ? withSha(name, allowOom + plain.lua) : plain }
}

const allowOom = '#!lua flags=allow-oom\n'

function withSha(name: string, lua: string): Script {
  return { name, lua, sha: createHash('sha1').update(lua).digest('hex') }
}
