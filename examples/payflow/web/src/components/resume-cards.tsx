import { Hourglass, OctagonX } from 'lucide-react'
import { useEffect } from 'react'
import { Link, useLocation, useNavigate } from 'react-router'
import { toast } from 'sonner'
import { useDesk, useWallet } from '../hooks/use-wallet.ts'
import { formatMinor } from '../money.ts'
import type { DeskEntry } from '../payment-desk.ts'
import { acceptedMessage, phaseText } from '../words.ts'
import { Button, buttonClass } from './button.tsx'

/** Payments whose answer is still open, on every page but their own. */
export function ResumeCards() {
  const { pathname } = useLocation()
  const entries = useDesk().filter(({ payment }) => pathname !== `/send/${payment.key}`)
  useAcceptedToasts(entries)
  const open = entries.filter(({ phase }) => phase.kind !== 'accepted')
  if (open.length === 0) return null
  return (
    <div className='mb-6 space-y-3' role='status'>
      {open.map((entry) => (
        <ResumeCard key={entry.payment.key} entry={entry} />
      ))}
    </div>
  )
}

function ResumeCard({ entry }: { readonly entry: DeskEntry }) {
  const { desk } = useWallet()
  const { payment, phase } = entry
  const refused = phase.kind === 'refused'
  const Icon = refused ? OctagonX : Hourglass
  return (
    <section
      className={`rise flex flex-col gap-4 rounded-2xl p-4 sm:flex-row sm:items-center sm:p-5 ${
        refused ? 'bg-bad-tint' : 'bg-wait-tint'
      }`}
    >
      <Icon
        aria-hidden='true'
        className={`hidden size-6 shrink-0 sm:block ${refused ? 'text-bad' : 'text-wait'}`}
      />
      <div className='min-w-0 flex-1'>
        <h2 className={`font-semibold ${refused ? 'text-bad' : 'text-wait'}`}>
          {refused ? 'A payment was not accepted' : 'A payment is waiting for its answer'}
        </h2>
        <p className='mt-0.5 text-sm'>
          {formatMinor(payment.amount, payment.currency)} to {payment.toName}. {phaseText(phase)}
        </p>
      </div>
      {refused ? (
        <Button variant='quiet' onClick={() => desk.setAside(payment.key)}>
          Dismiss
        </Button>
      ) : (
        <Link to={`/send/${payment.key}`} className={buttonClass('primary', 'shrink-0')}>
          Get the answer
        </Link>
      )}
    </section>
  )
}

/** An answer that arrives while the person is elsewhere is told there. */
function useAcceptedToasts(entries: readonly DeskEntry[]): void {
  const { desk } = useWallet()
  const navigate = useNavigate()
  useEffect(() => {
    for (const { payment, phase } of entries) {
      if (phase.kind !== 'accepted') continue
      desk.setAside(payment.key)
      toast.success(acceptedMessage, {
        description: `${formatMinor(payment.amount, payment.currency)} to ${payment.toName}`,
        action: { label: 'View', onClick: () => void navigate(`/payments/${phase.paymentId}`) },
      })
    }
  }, [entries, desk, navigate])
}
