import { accessSync, constants, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@payflow/testkit'
import { dataFolder } from '../lib/data-folder.ts'

/**
 * A fresh folder for programs that are compiled here and run: below /tmp, or in the checkout's own
 * folder where /tmp is mounted `noexec`. Removed when the process ends.
 */
export function programFolder(): string {
  const folder = temporaryFolder('spec')
  if (runsPrograms(folder)) return folder
  rmSync(folder, { recursive: true })
  mkdirSync(dataFolder(), { recursive: true })
  return temporaryFolder('spec', dataFolder())
}

/** Linux denies the right to execute a file, whatever its mode, where that is not allowed. */
function runsPrograms(folder: string): boolean {
  const probe = join(folder, 'probe')
  writeFileSync(probe, '', { mode: 0o755 })
  try {
    accessSync(probe, constants.X_OK)
    return true
  } catch {
    return false
  } finally {
    rmSync(probe)
  }
}
