/**
 * Keeps writers out of tables before indexes are built, so that nothing that is held waits for what
 * is not. The tables come in the order in which the service writes them; and whoever does it in
 * another order is not ended as the victim of a deadlock, for this gives way first: after half of
 * PostgreSQL's `deadlock_timeout`. The run then begins anew (`main.ts`).
 */
export const lockForIndexes = (...tables: readonly [string, ...string[]]): string => `
set local lock_timeout = '500ms';
lock table ${tables.join(', ')} in share row exclusive mode;`
