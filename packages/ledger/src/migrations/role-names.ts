import { LedgerError } from '../errors.ts'

/**
 * Names of the three roles of a ledger. A role that does not exist is created, without LOGIN. Roles
 * belong to the whole PostgreSQL cluster: databases whose ledgers name the same roles share them.
 */
export interface LedgerRoles {
  /**
   * Owns the schema and everything in it, and is who the functions run as: nobody should log in as
   * it, and no superuser should be it.
   * @defaultValue `<schema>_owner`
   */
  readonly owner?: string
  /**
   * What your application logs in as, or a role that its login is a member of: may execute the
   * verbs and the reads and SELECT from the views, nothing else.
   * @defaultValue `<schema>_app`
   */
  readonly app?: string
  /**
   * May execute the reads, `verify`, checkpoints, export and sealing, and SELECT from the views;
   * nothing that moves money.
   * @defaultValue `<schema>_auditor`
   */
  readonly auditor?: string
}

/** @internal */
export type RoleNames = Required<LedgerRoles>

/**
 * The names in full; null for `'none'`.
 *
 * @throws {@link LedgerError} `LEDGER_INVALID_OPTION`.
 */
export function roleNames(s: string, roles: LedgerRoles | 'none' = {}): RoleNames | null {
  if (roles === 'none') return null
  if (typeof roles !== 'object' || roles === null || Array.isArray(roles)) {
    const message = `roles must be an object of names, or 'none': ${String(roles)}`
    throw new LedgerError('LEDGER_INVALID_OPTION', message)
  }
  const { owner = `${s}_owner`, app = `${s}_app`, auditor = `${s}_auditor` } = roles
  const names = { owner, app, auditor }
  for (const [role, name] of Object.entries(names)) {
    // What is left out could end the quotes of an identifier or of a DO block.
    const plain = typeof name === 'string' && /^[^"'$\\\p{Cc}]+$/u.test(name)
    if (!plain || Buffer.byteLength(name) > 63) {
      throw new LedgerError(
        'LEDGER_INVALID_OPTION',
        `roles.${role} must be the name of a role, 1 to 63 bytes without quotes, $ and \\: ` +
          JSON.stringify(name),
      )
    }
  }
  if (new Set(Object.values(names)).size < 3) {
    const text = `roles must be three different ones: ${Object.values(names).join(', ')}`
    throw new LedgerError('LEDGER_INVALID_OPTION', text)
  }
  return names
}
