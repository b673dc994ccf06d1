import { chownSync, readFileSync } from 'node:fs'

export interface Owner {
  readonly uid: number
  readonly gid: number
}

/**
 * The account that runs a server which refuses to run as root, or undefined when this process is not root
 * and the server simply runs as the same user.
 */
export function unprivilegedOwner(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'))
  const [, , uid, gid] = line?.split(':') ?? []
  return { uid: Number(uid ?? 65_534), gid: Number(gid ?? 65_534) }
}

export function giveTo(owner: Owner | undefined, ...paths: readonly string[]): void {
  if (owner === undefined) return
  for (const path of paths) chownSync(path, owner.uid, owner.gid)
}
