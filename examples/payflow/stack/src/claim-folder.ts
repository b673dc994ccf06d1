import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive } from '@payflow/testkit'
import { StackError } from './stack-error.ts'

/**
 * Makes this process the only one that runs a stack in the folder; returns how to give it up. A
 * claim of a process that is gone counts for nothing.
 */
export function claimFolder(dir: string): () => void {
  const file = join(dir, 'supervisor.pid')
  const holder = folderHolder(dir)
  if (holder !== undefined) {
    throw new StackError(
      'STACK_RUNNING',
      `PayFlow is running already (process ${holder}); stop it with Ctrl-C there first`,
    )
  }
  writeFileSync(file, `${process.pid}\n`)
  return () => rmSync(file, { force: true })
}

/** The process that runs a stack in the folder, if there is one. */
export function folderHolder(dir: string): number | undefined {
  const file = join(dir, 'supervisor.pid')
  if (!existsSync(file)) return undefined
  const pid = Number(readFileSync(file, 'utf8'))
  return Number.isInteger(pid) && pid > 0 && pid !== process.pid && isAlive(pid) ? pid : undefined
}
