import { MapPinOff } from 'lucide-react'
import { Link } from 'react-router'
import { buttonClass } from '../components/button.tsx'
import { EmptyState } from '../components/feedback.tsx'
import { PageHeading } from '../components/page-heading.tsx'

export function NotFoundPage() {
  return (
    <div className='card mx-auto max-w-lg'>
      <PageHeading title='No such page' hidden />
      <EmptyState icon={MapPinOff} title='There is no such page'>
        <Link to='/' className={buttonClass('quiet', 'mt-3')}>
          Go to your wallet
        </Link>
      </EmptyState>
    </div>
  )
}
