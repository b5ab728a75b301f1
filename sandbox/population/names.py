"""Names from several places and in several scripts, each with the Latin letters used in an e-mail address."""

# ruff: noqa: RUF001 - names stand in their own scripts

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random


@dataclass(frozen=True, slots=True)
class Culture:
    """Where people of some names live, and the names. A name is written ``Name`` or ``Name/latin``."""

    country: str
    cities: tuple[str, ...]
    weight: int
    given: tuple[str, ...]
    family: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name as written, and in Latin letters."""

    given: str
    family: str
    latin: tuple[str, str]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CULTURES: Final = (
    Culture(
        "United States",
        ("Austin", "Boston", "Chicago", "Denver", "Seattle"),
        26,
        _words("Olivia Liam Emma Noah Ava James Sophia Mason Grace Ethan Maya Caleb Naomi Wyatt Zoe Jordan"),
        _words("Smith Johnson Brown Davis Miller Wilson Garcia Clark Lewis Walker Young Reed Cooper Hayes Bryant Ford"),
    ),
    Culture(
        "United Kingdom",
        ("London", "Leeds", "Bristol", "Glasgow"),
        12,
        _words("Amelia Oliver Isla Harry Freya George Poppy Alfie Imogen Callum Niamh/niamh Rhys"),
        _words("Taylor Evans Hughes Wright Patel Khan Murray Fletcher Barnes Whittaker O'Brien/obrien Lloyd"),
    ),
    Culture(
        "Germany",
        ("Berlin", "München", "Köln", "Hamburg"),
        10,
        _words("Anna Jürgen/juergen Lena Jörg/joerg Käthe/kaethe Lukas Sören/soeren Marie Felix Björn/bjoern"),
        _words("Müller/mueller Schäfer/schaefer Weiß/weiss Krüger/krueger Vogel Jäger/jaeger König/koenig Becker"),
    ),
    Culture(
        "France",
        ("Paris", "Lyon", "Nantes"),
        7,
        _words("Zoé/zoe Hélène/helene François/francois Léa/lea Rémi/remi Aurélie/aurelie Benoît/benoit Luc"),
        _words("Lefèvre/lefevre Dubois Gérard/gerard Moreau Hébert/hebert Fontaine Noël/noel Garnier"),
    ),
    Culture(
        "Spain",
        ("Madrid", "Sevilla", "Bilbao"),
        5,
        _words("Lucía/lucia José/jose Íñigo/inigo Martín/martin Nuria Álvaro/alvaro Begoña/begona Andrés/andres"),
        _words("Muñoz/munoz Núñez/nunez Gómez/gomez Peña/pena Ibáñez/ibanez Castro Rodríguez/rodriguez"),
    ),
    Culture(
        "Poland",
        ("Warszawa", "Kraków", "Łódź"),
        5,
        _words("Łukasz/lukasz Małgorzata/malgorzata Paweł/pawel Zofia Michał/michal Agnieszka Wojciech Żaneta/zaneta"),
        _words("Wójcik/wojcik Kamiński/kaminski Dąbrowski/dabrowski Zając/zajac Król/krol Wróbel/wrobel Pająk/pajak"),
    ),
    Culture(
        "Sweden",
        ("Stockholm", "Göteborg", "Malmö"),
        4,
        _words("Åsa/asa Björn/bjorn Elin Håkan/hakan Saga Göran/goran Märta/marta Nils"),
        _words("Åkesson/akesson Lindström/lindstrom Sjöberg/sjoberg Nyström/nystrom Berg Hägglund/hagglund"),
    ),
    Culture(
        "Türkiye",
        ("İstanbul", "Ankara", "İzmir"),
        3,
        _words("Ayşe/ayse Çağlar/caglar Gülşen/gulsen İbrahim/ibrahim Oğuz/oguz Şule/sule Deniz"),
        _words("Yılmaz/yilmaz Öztürk/ozturk Çelik/celik Şahin/sahin Doğan/dogan Güneş/gunes Kaya"),
    ),
    Culture(
        "Vietnam",
        ("Hà Nội", "Đà Nẵng"),
        2,
        _words("Ngọc/ngoc Thảo/thao Đức/duc Hương/huong Quỳnh/quynh Tuấn/tuan"),
        _words("Nguyễn/nguyen Trần/tran Phạm/pham Đặng/dang Bùi/bui"),
    ),
    Culture(
        "Ukraine",
        ("Київ", "Львів", "Одеса"),
        4,
        _words("Оксана/oksana Тарас/taras Ірина/iryna Богдан/bohdan Юлія/yuliia Андрій/andrii Соломія/solomiia"),
        _words("Шевченко/shevchenko Коваленко/kovalenko Бондар/bondar Ткачук/tkachuk Мельник/melnyk Лисенко/lysenko"),
    ),
    Culture(
        "Bulgaria",
        ("София", "Пловдив"),
        2,
        _words("Иван/ivan Мария/maria Георги/georgi Елена/elena Димитър/dimitar"),
        _words("Иванов/ivanov Петрова/petrova Димитров/dimitrov Николова/nikolova Стоянов/stoyanov"),
    ),
    Culture(
        "Greece",
        ("Αθήνα", "Θεσσαλονίκη"),
        3,
        _words("Γιώργος/giorgos Ελένη/eleni Νίκος/nikos Σοφία/sofia Δημήτρης/dimitris Κατερίνα/katerina"),
        _words("Παπαδόπουλος/papadopoulos Νικολάου/nikolaou Γεωργίου/georgiou Οικονόμου/oikonomou Βασιλείου/vasileiou"),
    ),
    Culture(
        "United Arab Emirates",
        ("دبي", "أبوظبي"),
        3,
        _words("محمد/mohammed فاطمة/fatima علي/ali نور/noor خالد/khalid ليلى/layla يوسف/yousef"),
        _words("الهاشمي/alhashimi الخطيب/alkhatib منصور/mansour حداد/haddad العلي/alali"),
    ),
    Culture(
        "Israel",
        ("תל אביב", "חיפה"),
        3,
        _words("נועה/noa דוד/david יעל/yael איתי/itai תמר/tamar אורי/uri"),
        _words("כהן/cohen לוי/levi מזרחי/mizrahi פרץ/peretz ביטון/biton"),
    ),
    Culture(
        "China",
        ("上海", "北京", "深圳"),
        5,
        _words("伟/wei 芳/fang 娜/na 秀英/xiuying 敏/min 静/jing 强/qiang 磊/lei"),
        _words("王/wang 李/li 张/zhang 刘/liu 陈/chen 杨/yang 赵/zhao 黄/huang"),
    ),
    Culture(
        "India",
        ("मुंबई", "Bengaluru", "दिल्ली"),
        6,
        _words("आरव/aarav प्रिया/priya रोहन/rohan अनन्या/ananya विक्रम/vikram नेहा/neha अर्जुन/arjun"),
        _words("शर्मा/sharma वर्मा/verma गुप्ता/gupta सिंह/singh अय्यर/iyer पटेल/patel"),
    ),
)

_WEIGHTS: Final = tuple(culture.weight for culture in CULTURES)


def draw_culture(rng: random.Random) -> Culture:
    """A culture, the frequent ones more often."""
    return rng.choices(CULTURES, _WEIGHTS)[0]


def draw_name(rng: random.Random, culture: Culture) -> Name:
    """A name of that culture."""
    given, latin_given = _split(rng.choice(culture.given))
    family, latin_family = _split(rng.choice(culture.family))
    return Name(given, family, (latin_given, latin_family))


def _split(entry: str) -> tuple[str, str]:
    name, _, latin = entry.partition("/")
    return name, latin or name.lower()
