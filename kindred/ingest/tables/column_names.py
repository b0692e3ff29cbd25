"""What columns of tables of users and items are usually called: by MovieLens, Amazon, RecBole, Yambda and others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from kindred.ingest.formats.columns import letters_of

_ITEM = (
    "item item_id parent_asin movie_id asin product_id track_id song_id artist_id book_id isbn article_id news_id "
    "business_id place_id venue_id game_id app_id recipe_id course_id post_id content_id anime_id job_id offer_id "
    "listing_id property_id restaurant_id video_id stock_code product_code item_code article_number movie product "
    "track song artist book article venue place business sku lineitem_sku ean gtin location_id location poi_id poi "
    "beer_id beer_beerid wine_id joke_id hotel_id goods_id show_id episode_id podcast_id paper_id page_id photo_id "
    "image_id doc_id document_id joke game anime url page aid object_id target_id dst_id dst dest_id product_sku "
    "to_node_id track_uri product_no article_no item_no item_product_id gmap_id item_number "
    "product_number submission_id url_path page_path pathname item_sku bookmark_id pin_id"
)
_NAMES_OF_ITEMS = (
    "item_name product_name prod_name movie_name movie_title book_title book_name track_name song_name game_name "
    "course_name recipe_name app_name game_title song_title track_title title"
)
_USUAL = {
    "user": (
        "user user_id uid reviewer_id customer_id member_id visitor_id reader_id account_id person_id client_id "
        "shopper_id subscriber_id "
        "player_id student_id username nickname customer member reader account visitor shopper "
        "subscriber domain_userid user_pseudo_id anonymous_id email "
        "customer_email customer_user_id reviewer_email user_email buyer_email payer_email from_email_address "
        "consumer_user_id review_consumer_user_id device_id cookie_id session_id session user_name user_md5 reviewers "
        "profile_name review_profile_name buyer_id buyer household_id household_key household src_id src "
        "source_id from_node_id user_token customer_no playlist_id pid distinct_id customer_number "
        "buyer_username"
    ),
    "item": f"{_ITEM} {_NAMES_OF_ITEMS}",
    "rating": (
        "rating overall stars star_rating score rating_value user_rating my_rating book_rating grade "
        "review_overall review_score review_rating review_stars points is_recommended recommended recommend voted_up "
        "vote liked label is_click clicked"
    ),
    "flag": "click clk purchased is_purchased is_purchase bought is_like",
    "weight": (
        "weight plays play_count played_ratio_pct listens count times quantity hours minutes playtime_forever playtime "
        "listen_count hours_played play_hours number_of_times num_repeat qty item_quantity lineitem_quantity "
        "watch_ratio qty_ordered"
    ),
    "at": (
        "at timestamp time time_ms timestamp_ms created_utc unix_review_time datetime date_time date created_at "
        "event_time ts review_time rated_at when click_timestamp date_added review_date order_date purchase_date "
        "invoice_date transaction_date event_timestamp event_date visited_at watched_at purchased_at t_dat posted "
        "server_timestamp_epoch_ms created date_created created_date creation_date created_on created_time "
        "review_created review_creation_date date_add "
        "order_date_time sale_date date_paid"
    ),
    "text": "text review_text review comment review_body review_content body content",
    "kind": (
        "kind event_type event_name action event behavior behavior_type behavior_name behaviour behaviour_type "
        "action_type feedback_type interaction_type"
    ),
    "status": (
        "status order_status financial_status payment_status order_state state order_status_name status_name "
        "purchase_status transaction_status sale_status invoice_status shipment_status shipping_status "
        "delivery_status fulfillment_status booking_status reservation_status item_status lineitem_status "
        "is_cancelled is_canceled cancelled canceled is_refunded refunded voided cancelled_at canceled_at refunded_at"
    ),
    "id": f"{_ITEM} id",
    "title": (
        "title name movie_title item_name product_name product_title book_title track_name song_name prod_name "
        "headline movie_name book_name game_name course_name recipe_name app_name business_name "
        "track song movie book game"
    ),
    "item_text": "description text overview plot abstract summary about detail_desc caption",
    "category": (
        "category categories genres genre class main_category topic topics subject section product_type_name "
        "product_type category_name first_level_category_name department commodity_desc beer_style tags"
    ),
    "maker": (
        "brand brand_name brands maker manufacturer author authors author_name book_author artist artist_name artists "
        "publisher developer developers director directors studio studios store vendor seller"
    ),
}
_ABROAD = {
    "user": (
        "benutzer benutzer_id nutzer nutzer_id kunde kunden_id kunden_nr kundennummer kaufer kaeufer mitglied "
        "utilisateur id_utilisateur "
        "client id_client acheteur usuario id_usuario cliente id_cliente utente id_utente gebruiker klant "
        "пользователь id_пользователя покупатель клиент id_клиента 用户 用户id 用户编号 客户 客户id 会员 "
        "会员id ユーザー ユーザーid 顧客id"
    ),
    "item": (
        "artikel_id artikel_nr artikelnummer produkt_id produktnummer artikel produkt buch film_id film id_produit "
        "produit id_article livre id_producto producto articulo libro pelicula id_produto produto livro filme "
        "id_prodotto prodotto articolo id_товара товар_id товар артикул продукт книга фильм "
        "商品id 商品编号 商品 物品id 物品 产品id 产品 电影 书籍 商品コード アイテム"
    ),
    "rating": (
        "bewertung sterne punkte wertung etoiles valoracion calificacion puntuacion estrellas avaliacao valutazione "
        "voto оценка рейтинг 评分 打分 星级 評価"
    ),
    "weight": "menge anzahl quantite cantidad quantidade quantita количество 数量",
    "at": (
        "datum zeit zeitpunkt zeitstempel bestelldatum kaufdatum horodatage date_achat date_commande fecha fecha_hora "
        "data_hora data_compra data_ora дата время 时间 日期 时间戳 日時 日付"
    ),
    "status": (
        "bestellstatus zahlungsstatus statut statut_commande estado situacao stato статус статус_заказа 状态 订单状态"
    ),
    "text": "kommentar rezension commentaire avis comentario resena recensione отзыв комментарий 评论",
    "title": (
        "titel bezeichnung artikelname produktname titre nom_produit titulo titolo название наименование "
        "标题 名称 商品名"
    ),
    "item_text": "beschreibung descripcion descricao descrizione описание 描述 説明",
    "category": "kategorie kategorien warengruppe categorie categoria категория жанр 类别 分类 类目 カテゴリ",
    "maker": (
        "marke hersteller autor autorin verlag marque fabricant auteur marca fabricante autore бренд автор "
        "производитель 品牌 作者"
    ),
}
"""The same in other languages; without words that mean several things, such as `note`, `nota`, `data` and `nombre`."""
_ASIDE = re.compile(r"\s*\([^()]*\)\s*$")  # as in `Rating (1-10)`
_OF_SEVERAL = re.compile(r"(?:_?details?|_?list|s)$", re.IGNORECASE)
_OF_LISTS = re.compile(
    r"^(?:seq|sequence|hist|history)_|(?:_?(?:list|set|bag|basket|cart|seq|fixed)|s)$", re.IGNORECASE
)
_OF_RECBOLE = re.compile(r":\w+_seq$")
_OF_ITEMS = frozenset(("item_text", "category", "maker"))
_OF_ITS_ITEM = re.compile("^(?:item|product|article|book|movie|track|song|game|recipe|course|business)")
_OF_ITS_OWNER = frozenset(("id", "name", "title"))
_WRAPPERS = re.compile(r"(?:\.\$\w+|\.[SN])+$|_hash$")


def _turned(words: str) -> list[str]:
    """The names of ids with the `id` before them, as some shops write them: `id_customer` for `customer_id`."""
    return [f"id_{name.removesuffix('_id')}" for name in words.split() if name.endswith("_id")]


NAMES = {
    role: tuple(
        letters_of(name)
        for name in (*words.split(), *_ABROAD.get("item" if role == "id" else role, "").split(), *_turned(words))
    )
    for role, words in _USUAL.items()
}
"""Role → names in plain form, the likeliest first."""
_IN_WORDS = frozenset(map(letters_of, _NAMES_OF_ITEMS.split()))


def guess(role: str, columns: Sequence[str], taken: Collection[str | None]) -> str | None:
    """The column that is called what columns of this role usually are; None where none is, or all are taken."""
    return next(iter(guesses(role, columns, taken)), None)


def guesses(role: str, columns: Sequence[str], taken: Collection[str | None], within: str = "") -> list[str]:
    """The columns that are called what columns of this role usually are, the likeliest first.

    What stands within another column (`properties.product_id`) goes by its own name. Of several that have one name the
    outermost is taken: `time`, not `reply.time`.

    Args:
        role: what the column holds.
        columns: all of the table.
        taken: those that hold something else.
        within: the column of lists whose entries are the events, if any; what stands within goes first.
    """
    last_first = sorted(columns, key=lambda name: (not _is_within(name, within), name.count(".")))[::-1]
    free = {_plain(column): column for column in last_first if column not in taken}
    if role in _OF_ITEMS:
        free = {_OF_ITS_ITEM.sub("", name): column for name, column in free.items()} | free
    return list(dict.fromkeys(free[name] for name in NAMES[role] if name in free))


def _is_within(name: str, outer: str) -> bool:
    return bool(outer) and name.startswith(f"{outer}.")


def of_entries(role: str, columns: Sequence[str], taken: Collection[str | None]) -> list[str]:
    """The columns of lists whose entries are called what columns of this role are: `timestamps`, `rating_list`."""
    return [name for name in columns if name not in taken and is_name_of(role, name_of_entry(name.rpartition(".")[2]))]


def name_of_entry(name: str) -> str:
    """What one entry of a column of lists is called: `item_id` of `item_ids` or `item_id_list:token_seq`."""
    return _OF_LISTS.sub("", _OF_RECBOLE.sub("", name))


def title_beside(item: str, columns: Sequence[str]) -> str | None:
    """The column that says in words what one of ids of items says: `track_name` beside `track_id`; None for none."""
    stem = re.sub(r"(?:ids?|code|sku)$", "", _plain(item))
    stems = ("item", "product") if stem in ("item", "product", "") else (stem,)
    names = [f"{stem}{word}" for stem in stems for word in ("name", "title")]
    return next((column for name in names for column in columns if _plain(column) == name and column != item), None)


def is_name_of(role: str, name: str) -> bool:
    """Whether columns of this role are called so."""
    return _plain(name) in NAMES[role]


def name_both_ends(cells: Iterable[str]) -> bool:
    """Whether among these are a name of columns of users and one of columns of items."""
    names = [*cells]
    return all(any(is_name_of(role, name) for name in names) for role in ("user", "item"))


def is_name_in_words(name: str) -> bool:
    """Whether a column called so holds names of items, or titles, which several may have."""
    return _plain(name) in _IN_WORDS


def _plain(name: str) -> str:
    """The letters and digits of the name, without what programs add to it.

    RecBole adds a type (`user_id:token`), MongoDB and DynamoDB a column within (`user_id.$oid`, `user_id.S`),
    who hides ids `_hash`; an `id`, `name` or `title` within another column is that one's (`user.id`, `product/title`).
    """
    bare = _WRAPPERS.sub("", _ASIDE.sub("", name).partition(":")[0])
    *outer, last = re.split(r"[./](?=[^./\s])", bare)
    if outer and last.casefold() in _OF_ITS_OWNER:
        last = f"{_OF_SEVERAL.sub('', outer[-1])}_{last}"
    return letters_of(last)
